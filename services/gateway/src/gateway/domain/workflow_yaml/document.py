"""From text to a tree of plain values with positions, within bounds that no text can break.

The parser is ruamel's pure-Python one: the C parser ends the process on 200,000 opening brackets. First its events are
counted, without building anything; only a text within bounds is composed. Tags, anchors and aliases are refused, so
that the tree is never larger than the text.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from gateway.domain.problems import Problem
from gateway.domain.workflow_yaml.written import Written

MAX_YAML_BYTES = 256 * 1024
"""Largest text. A workflow of 500 components with comments needs about 100 KB."""
MAX_DEPTH = 50
MAX_NODES = 40_000
"""500 components with a retry each, and 2,000 connections with conditions, need about 30,000."""
SPLIT = "Split the workflow: at most 500 components and 2,000 connections are taken."

Plain = str | int | float | bool | None


@dataclass
class Value:
    """A value and where it stands. ``data`` is a plain value, a list of Values or a dict of name → Value."""

    line: int
    column: int
    data: "Plain | list[Value] | dict[str, Value]"
    keys: "dict[str, tuple[int, int]]" = field(default_factory=dict)
    """Position of each key of a mapping."""
    written: "Written | None" = None
    """How a text is written; None for everything else."""
    last: int = 0
    """The line in which it ends."""
    block: bool = False
    """Whether it is a mapping or a list with a line for each of its parts."""

    def inside(self, line: int, column: int) -> tuple[int, int]:
        """Return where in the document a place of this text stands, as well as that can be said."""
        return (self.line, self.column) if self.written is None else self.written.place(line, column)

    def at(self, key: str) -> tuple[int, int]:
        """Return where a key of this mapping stands."""
        return self.keys.get(key, (self.line, self.column))

    def plain(self) -> Any:
        """Return the value without positions."""
        if isinstance(self.data, dict):
            return {key: value.plain() for key, value in self.data.items()}
        if isinstance(self.data, list):
            return [value.plain() for value in self.data]
        return self.data

    @property
    def called(self) -> str:
        """What kind of thing this is, in words."""
        if isinstance(self.data, dict):
            return "a mapping"
        if isinstance(self.data, list):
            return "a list"
        if self.data is None:
            return "empty"
        return f"'{str(self.data)[:40]}'"


def load(text: str) -> tuple[Value | None, list[Problem]]:
    """Return the tree of a text, or None and what is wrong with it."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_YAML_BYTES:
        message = f"The YAML has {size / 1024:,.0f} KB; at most {MAX_YAML_BYTES // 1024} KB are taken."
        return None, [Problem(0, 0, "", message, "Split the workflow, or keep data out of its definition.")]
    if not text.strip():
        return None, [Problem(1, 1, "", "The document is empty.", "Begin with 'workflow: <name>' and 'components:'.")]
    try:
        problem = _check_bounds(text)
        if problem is not None:
            return None, [problem]
        root = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as broken:
        return None, [_syntax(broken)]
    except (YAMLError, ValueError) as broken:
        hint = "Write the file as UTF-8 text without control characters." if "special characters" in str(broken) else ""
        return None, [Problem(1, 1, "", f"This is not YAML: {str(broken).splitlines()[0][:200]}.", hint)]
    problems: list[Problem] = []
    if root is None:
        return None, [Problem(1, 1, "", "The document holds only comments.", "Begin with 'workflow: <name>' and 'components:'.")]
    tree = _Tree(text, problems).value(root, "")
    return tree, problems


def _check_bounds(text: str) -> Problem | None:
    depth = nodes = documents = 0
    for event in YAML(typ="rt", pure=True).parse(text):
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        documents += isinstance(event, DocumentStartEvent)
        if documents > 1:
            return Problem(line, column, "", "A second document begins here.", "Write one workflow per text; remove the '---'.")
        depth += isinstance(event, MappingStartEvent | SequenceStartEvent) - isinstance(event, MappingEndEvent | SequenceEndEvent)
        nodes += isinstance(event, NodeEvent)
        refused = _refused(event)
        if refused is not None:
            return Problem(line, column, "", *refused)
        if nodes > MAX_NODES:
            return Problem(line, column, "", f"There are more than {MAX_NODES:,} values.", SPLIT)
        if depth > MAX_DEPTH:
            return Problem(line, column, "", f"Values are nested more than {MAX_DEPTH} deep.", "A workflow needs four levels.")
    return None


def _refused(event: Event) -> tuple[str, str] | None:
    """Return what of YAML is not taken, and the way out."""
    if isinstance(event, AliasEvent):
        return f"The alias '*{event.anchor}' is not taken.", "Write the value out; aliases are refused."
    if isinstance(event, NodeEvent) and event.anchor:
        return f"The anchor '&{event.anchor}' is not taken.", "Remove it; aliases are refused."
    if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent) and event.tag:
        return f"The tag '{event.tag}' is not taken.", "Remove it: values are plain text, numbers, true and false."
    return None


def _syntax(broken: MarkedYAMLError) -> Problem:
    mark = broken.problem_mark or broken.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    what = " ".join(str(part) for part in (broken.context, broken.problem) if part) or "it cannot be read"
    hint = "Look at the indentation, and at brackets and quotes that are not closed."
    if "'\\t'" in what:
        hint = "Indent with spaces: YAML takes no tabs."
    elif "mapping values are not allowed" in what:
        hint = "Put quotes around a text that holds ': ', or start a new line."
    return Problem(line, column, "", f"This is not YAML: {what[:200]}.", hint)


class _Tree:
    """Makes Values of nodes, and notes keys that no workflow can have."""

    def __init__(self, text: str, problems: list[Problem]) -> None:
        self._text = text
        self._problems = problems

    def value(self, node: Node, path: str) -> Value:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if isinstance(node, ScalarNode):
            data = _scalar(str(node.tag), node.value)
            lines = self._text.count("\n", node.start_mark.index, node.end_mark.index)
            if lines:
                lines = self._text[node.start_mark.index : node.end_mark.index].rstrip().count("\n")
            return Value(line, column, data, written=Written.of(node, self._text) if isinstance(data, str) else None, last=line + lines)
        if isinstance(node, MappingNode):
            found = self._mapping(node, path, line, column)
            below = list(found.data.values()) if isinstance(found.data, dict) else []
        else:
            below = [self.value(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
            for item, item_node in zip(below, node.value, strict=True):
                if _is_nothing(item_node):
                    item.line = item.last = self._text[: item_node.start_mark.index].rstrip().count("\n") + 1
            found = Value(line, column, below)
        found.block = isinstance(node, CollectionNode) and not node.flow_style
        found.last = max((item.last for item in below), default=line) if found.block else node.end_mark.line + 1
        return found

    def _mapping(self, node: MappingNode, path: str, line: int, column: int) -> Value:
        mapping: dict[str, Value] = {}
        keys: dict[str, tuple[int, int]] = {}
        for key_node, value_node in node.value:
            where = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self._problems.append(Problem(*where, path, "A key must be a plain word.", "Remove the brackets around it."))
                continue
            key = str(key_node.value)
            below = f"{path}.{key}" if path else key
            if key in mapping:
                message = f"'{key}' stands here twice, first in line {keys[key][0]}."
                self._problems.append(Problem(*where, below, message, "Rename or remove one of them."))
                continue
            keys[key] = where
            mapping[key] = self.value(value_node, below)
            if _is_nothing(value_node):
                # The parser puts a value that isn't there where the next one begins.
                mapping[key] = Value(*where, None, last=where[0])
        return Value(line, column, mapping, keys)


def _is_nothing(node: Node) -> bool:
    """Whether a value is left out: ``key:`` and no more."""
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index and not node.style


_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,18})", re.ASCII)


def _scalar(tag: str, text: str) -> Plain:
    """Return the plain value of a scalar by YAML 1.2's core rules. Times and odd numbers stay text."""
    kind = tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int" and _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if kind == "float":
        try:
            number = float(text.replace("_", ""))
        except ValueError:
            return text
        return number if abs(number) < 1e300 else text
    return text
