"""Expressions in YAML: compiled where they stand, so that what is wrong is said at its very character."""

import re
from collections.abc import Iterable
from typing import Literal

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.sink import Sink
from shared.runtime.expressions import Uncompilable, Use, compile_expression

MOST = 2000
"""Longest expression, in characters; the contract's."""

_STRING = re.compile(r"""r?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_INPUT = re.compile(r"(?<![\w.])inputs\.([A-Za-z_][A-Za-z0-9_]*)")
_NAME = {"inputs": _INPUT, "outputs": re.compile(r"(?<![\w.])outputs\.([A-Za-z_][A-Za-z0-9_]*)")}
_LOOKS_AT = re.compile(r"(?<![\w.])(?:inputs|output)\b")


def read_expression(node: Value, path: str, use: Use, sink: Sink, *, example: str) -> str | None:
    """Return the text of an expression that compiles for its use, or None after noting what is wrong and where."""
    if isinstance(node.data, bool) and use.condition:
        sink.add(node, path, f"A condition that is always {str(node.data).lower()} decides nothing.", example)
        return None
    if not isinstance(node.data, str):
        sink.add(node, path, f"An expression is a text in CEL, and this is {node.called}.", example)
        return None
    text = node.data
    if not text.strip():
        sink.add(node, path, "The expression is empty.", example)
        return None
    if len(text) > MOST:
        sink.add(node, path, f"The expression has {len(text):,} characters.", f"At most {MOST:,} are taken.")
        return None
    try:
        compile_expression(text, use)
    except Uncompilable as wrong:
        sink.add(node.inside(wrong.line, wrong.column), path, f"The expression can't be read: {wrong.message}", example)
        return None
    return text


def note_unknown_inputs(node: Value, path: str, declared: Iterable[str], sink: Sink) -> None:
    """Note each ``inputs.<name>`` that the workflow does not declare."""
    names = list(declared)
    text = _blanked(str(node.data))
    for found in _INPUT.finditer(text):
        if found[1] not in names:
            line = text.count("\n", 0, found.start(1)) + 1
            column = found.start(1) - text.rfind("\n", 0, found.start(1))
            hint = meant(found[1], names, otherwise="Declare it under 'inputs'.")
            sink.add(node.inside(line, column), path, f"The workflow has no input '{found[1]}'.", hint)


def names_after(variable: Literal["inputs", "outputs"], text: str) -> list[str]:
    """Return each name that an expression takes of a variable, as in ``inputs.<name>``."""
    return [found[1] for found in _NAME[variable].finditer(_blanked(text))]


def looks_at_nothing(text: str) -> bool:
    """Whether a condition looks at neither inputs nor output."""
    return _LOOKS_AT.search(_blanked(text)) is None


def _blanked(text: str) -> str:
    """Return the expression with its literal texts blanked out, places kept."""
    return _STRING.sub(lambda found: " " * len(found[0]), text)
