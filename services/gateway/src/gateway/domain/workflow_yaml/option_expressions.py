"""Expressions within the options of a component: compiled while somebody types, as the executor will."""

from typing import Any

from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.sink import Sink
from shared.contracts.kinds import Kind, Placed
from shared.runtime.expressions import Uncompilable, Use, compile_expression


def note_expressions(kind: Kind, options: Any, value: Value, path: str, sink: Sink) -> None:
    """Note each expression of checked options that does not compile, at the value in which it stands."""
    for placed in kind.expressions(options):
        try:
            compile_expression(placed.expression, Use[placed.use])
        except Uncompilable as wrong:
            hint = f"It reads “{placed.expression[:100]}”, and this is wrong at its character {wrong.column}."
            sink.add(_node(value, placed), f"{path}.{_shown(placed)}", f"The expression can't be read: {wrong.message}", hint)


def _node(value: Value, placed: Placed) -> Value:
    """Return the value at a place, as deep as the document has it."""
    for part in placed.path:
        inner = value.data
        if isinstance(inner, dict) and part in inner:
            value = inner[str(part)]
        elif isinstance(inner, list) and isinstance(part, int) and part < len(inner):
            value = inner[part]
        else:
            break
    return value


def _shown(placed: Placed) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in placed.path).lstrip(".")
