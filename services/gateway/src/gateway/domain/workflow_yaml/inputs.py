"""The inputs of a workflow in YAML: ``day: string``, or a whole JSON Schema with its default."""

import re
from typing import Any

from gateway.domain.inputs import TYPES, WrongSchema, check_schema
from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.sink import Sink

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_EXAMPLE = "Write e.g. 'day: string', or 'limit: {type: integer, minimum: 1, default: 100}'."
MOST = 200


def read_inputs(tree: Value, sink: Sink) -> dict[str, dict[str, Any]]:
    """Return the schema of each input; those that are no JSON Schema are noted and left out."""
    node = tree.data.get("inputs") if isinstance(tree.data, dict) else None
    if node is None or node.data is None:
        return {}
    if not isinstance(node.data, dict):
        sink.add(node, "inputs", f"Inputs are a mapping of name and schema, and this is {node.called}.", _EXAMPLE)
        return {}
    if len(node.data) > MOST:
        sink.add(node, "inputs", f"There are {len(node.data):,} inputs.", f"At most {MOST} are taken: make one an object.")
        return {}
    found: dict[str, dict[str, Any]] = {}
    for name, value in node.data.items():
        if not _NAME.fullmatch(name):
            hint = "Begin with a letter or _; then letters, digits and _ (at most 100), so that an expression can say it."
            sink.add(node.at(name), f"inputs.{name}", f"'{name[:60]}' is not a name for an input.", hint)
            continue
        schema = _schema(name, value, sink)
        if schema is not None:
            found[name] = schema
    return found


def shortened(schema: dict[str, Any]) -> str | None:
    """Return the short form of a schema that says nothing but its type."""
    return schema["type"] if set(schema) == {"type"} and isinstance(schema["type"], str) and schema["type"] != "null" else None


def _schema(name: str, value: Value, sink: Sink) -> dict[str, Any] | None:
    path = f"inputs.{name}"
    if isinstance(value.data, str):
        if value.data in TYPES:
            return {"type": value.data}
        sink.add(value, path, f"There is no type {value.called}.", meant(value.data, TYPES[:-1]))
        return None
    if not isinstance(value.data, dict):
        sink.add(value, path, f"An input has a type or a JSON Schema, and this is {value.called}.", _EXAMPLE)
        return None
    schema: dict[str, Any] = value.plain()
    try:
        check_schema(schema)
    except WrongSchema as wrong:
        where, shown = _place(value, wrong.path)
        sink.add(where, ".".join((path, *shown)), wrong.message, wrong.hint)
        return None
    return schema


def _place(value: Value, path: tuple[str | int, ...]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return the position of what a path leads to, and the part of the path that exists in the text."""
    where, shown = (value.line, value.column), []
    for part in path:
        below = None
        if isinstance(value.data, dict):
            below = value.data.get(str(part))
        elif isinstance(value.data, list) and isinstance(part, int) and part < len(value.data):
            below = value.data[part]
        if below is None:
            break
        value = below
        where = (value.line, value.column)
        shown.append(str(part))
    return where, tuple(shown)
