"""Expressions within the options of a component: compiled while somebody types, as the executor will, and what they look at is there."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.expressions import names_after
from gateway.domain.workflow_yaml.sink import Sink
from shared.contracts.kinds import KINDS, Kind, Placed
from shared.contracts.workflows import Component, Connection
from shared.runtime.expressions import Uncompilable, Use, compile_expression

_NAMED = re.compile(r"""\boutputs\[\s*(?:"([^"\\]+)"|'([^'\\]+)')\s*\]""")


def note_expressions(kind: Kind, options: Any, value: Value, path: str, sink: Sink) -> None:
    """Note each expression of checked options that does not compile, at the value in which it stands."""
    for placed in kind.expressions(options):
        try:
            compile_expression(placed.expression, Use[placed.use])
        except Uncompilable as wrong:
            hint = f"It reads “{placed.expression[:100]}”, and this is wrong at its character {wrong.column}."
            sink.add(_node(value, placed), f"{path}.{_shown(placed)}", f"The expression can't be read: {wrong.message}", hint)


def note_unknown_names(
    tree: Mapping[str, Value],
    components: Iterable[Component],
    connections: Iterable[Connection] | None,
    inputs: Collection[str],
    sink: Sink,
) -> None:
    """Note in options each input that is not declared, and each output of a component that is not connected to the one that looks.

    ``tree``: name → what stands there; ``connections``: None = they are wrong themselves;
    ``inputs``: those that are declared, none = whatever comes.
    """
    sources: dict[str, list[str]] = {}
    for connection in connections or ():
        sources.setdefault(connection.target, []).append(connection.source)
    for component in components:
        kind = KINDS[component.kind]
        try:
            placed_ones = list(kind.expressions(kind.component.model_validate(component.options)))
        except ValidationError:
            continue  # noted where they were read
        for placed in placed_ones:
            node, path = _node(tree[component.name], placed), f"components.{component.name}.{_shown(placed)}"
            for name in names_after("inputs", placed.expression) if inputs else ():
                if name not in inputs:
                    sink.add(node, path, f"The workflow has no input '{name[:60]}'.", meant(name, inputs))
            named = [double or single for double, single in _NAMED.findall(placed.expression)]
            for name in (*names_after("outputs", placed.expression), *named) if connections is not None else ():
                if name not in sources.get(component.name, ()):
                    hint = meant(name, sources.get(component.name, ()), otherwise="Connect the component whose output it needs to it.")
                    message = f"No connection leads from '{name[:60]}' to {component.name}, so its output is not there."
                    sink.add(node, path, message, hint)


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
