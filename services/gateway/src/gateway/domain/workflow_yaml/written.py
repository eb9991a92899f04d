"""Where a place inside a text stands in the document: plain, quoted and block texts write it differently."""

from dataclasses import dataclass

from ruamel.yaml.nodes import ScalarNode

_LONG_ESCAPES = {"x": 4, "u": 6, "U": 10}


@dataclass(frozen=True)
class Written:
    """A text as the document has it: from ``begin`` to ``end`` of ``document``, in one of YAML's styles."""

    document: str
    begin: int
    end: int
    line: int
    column: int
    style: str
    """'' plain, ``'`` and ``"`` quoted, ``|`` and ``>`` blocks."""

    @classmethod
    def of(cls, node: ScalarNode, document: str) -> "Written":
        """Return how a node is written."""
        start, end = node.start_mark, node.end_mark
        return cls(document, start.index, end.index, start.line + 1, start.column + 1, node.style or "")

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Return line and column in the document for those in the text, all from 1. A folded text answers where it begins."""
        if self.style == "|":
            return self._in_block(line, column)
        raw = self.document[self.begin : self.end]
        if line != 1 or self.style == ">" or "\n" in raw:
            return self.line, self.column
        if not self.style:
            return self.line, self.column + column - 1
        return self.line, self.column + self._offset(raw, column)

    def _offset(self, raw: str, column: int) -> int:
        """Return how far behind the opening quote the character stands; an escape is several characters for one."""
        at = 1
        for _ in range(column - 1):
            if at >= len(raw) - 1:
                break
            if self.style == '"' and raw[at] == "\\":
                at += _LONG_ESCAPES.get(raw[at + 1], 2)
            else:
                at += 2 if raw[at : at + 2] == "''" and self.style == "'" else 1
        return at

    def _in_block(self, line: int, column: int) -> tuple[int, int]:
        lines = self.document[self.begin : self.end].split("\n")[1:]
        indent = min((len(text) - len(text.lstrip(" ")) for text in lines if text.strip()), default=0)
        return self.line + line, indent + column
