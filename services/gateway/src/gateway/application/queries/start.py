"""The form that starts a run: a field for each input that a version declares."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.views.endpoints import ConfigField
from gateway.application.views.parts import Choice, FieldProblem
from gateway.application.views.workflows import StartForm
from gateway.domain.inputs import expected, required

PREFIX = "inputs."
MOST_VERSIONS = 50
"""Versions that can be chosen, the newest ones; every older one can still be named by the API."""


def start_form(
    workflow: WorkflowRecord,
    version: VersionRecord,
    *,
    typed: Mapping[str, str] | None = None,
    problems: tuple[FieldProblem, ...] = (),
    refused: str = "",
) -> StartForm:
    """Return the form for a version; ``typed``: the fields as they were sent."""
    declared: Mapping[str, Mapping[str, Any]] = version.definition.get("inputs") or {}
    oldest = max(1, workflow.latest - MOST_VERSIONS + 1)
    numbers = {version.version, *range(oldest, workflow.latest + 1)}
    return StartForm(
        id=workflow.id,
        name=workflow.name,
        version=version.version,
        latest=workflow.latest,
        versions=tuple(
            Choice(value=str(number), label=f"Version {number}" + (", the newest" if number == workflow.latest else ""))
            for number in sorted(numbers, reverse=True)
        ),
        fields=tuple(_field(name, schema, typed) for name, schema in declared.items()),
        free=(typed or {}).get("inputs", ""),
        problems=problems,
        refused=refused,
    )


def given_inputs(declared: Mapping[str, Mapping[str, Any]], typed: Mapping[str, str]) -> tuple[dict[str, Any], tuple[FieldProblem, ...]]:
    """Return the inputs that a form says, and what of it can't be read. A field that is empty is not given."""
    found: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, schema in declared.items():
        text = typed.get(f"{PREFIX}{name}", "").replace("\r\n", "\n")
        if not text.strip():
            continue
        try:
            found[name] = _value(text, schema)
        except (ValueError, RecursionError):
            problems.append(FieldProblem(field=f"{PREFIX}{name}", message=f"This is not {expected(schema)}.", hint="Write it as JSON."))
    return found, tuple(problems)


def _field(name: str, schema: Mapping[str, Any], typed: Mapping[str, str] | None) -> ConfigField:
    kind = "text"
    options: tuple[Choice, ...] = ()
    if "enum" in schema or schema.get("type") == "boolean":
        kind, options = "select", _options(schema)
    elif not _is_text(schema):
        kind = "number" if schema.get("type") == "integer" else "text" if schema.get("type") == "number" else "textarea"
    elif schema.get("format") == "date":
        kind = "date"
    value = _text(schema["default"], schema) if "default" in schema else ""
    return ConfigField(
        name=f"{PREFIX}{name}",
        label=name,
        input=kind,
        value=value if typed is None else typed.get(f"{PREFIX}{name}", ""),
        help=_help(schema, kind),
        required=required(schema),
        options=options,
        placeholder="" if kind != "textarea" else _placeholder(schema),
    )


def _options(schema: Mapping[str, Any]) -> tuple[Choice, ...]:
    values = list(schema.get("enum") or (True, False))
    left_out = "Choose one" if required(schema) else f"Left out: {_text(schema['default'], schema)}"
    return (Choice(value="", label=left_out), *(Choice(value=_text(item, schema), label=_text(item, schema)) for item in values))


def _help(schema: Mapping[str, Any], kind: str) -> str:
    said = str(schema.get("description") or "").strip()
    takes = expected(schema)
    about = "" if kind == "select" else f"{takes[0].upper()}{takes[1:]}{_bounds(schema)}{', as JSON' if kind == 'textarea' else ''}."
    return " ".join(part for part in (said if said.endswith((".", "")) else f"{said}.", about) if part)


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {"minimum": "at least", "maximum": "at most", "minLength": "at least", "maxLength": "at most", "pattern": "like"}
    units = {"minLength": " characters", "maxLength": " characters"}
    return "".join(f", {word} {schema[key]}{units.get(key, '')}" for key, word in words.items() if key in schema)


def _placeholder(schema: Mapping[str, Any]) -> str:
    properties = list(schema.get("properties") or {})[:3]
    return "[]" if schema.get("type") == "array" else json.dumps(dict.fromkeys(properties, "…"), ensure_ascii=False) if properties else "{}"


def _is_text(schema: Mapping[str, Any]) -> bool:
    """Whether what is typed is the value itself: a text, or any of several texts."""
    kind = schema.get("type")
    return kind == "string" or (kind is None and bool(schema.get("enum")) and all(isinstance(item, str) for item in schema["enum"]))


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    if _is_text(schema):
        return text
    if "enum" in schema and text in [item for item in schema["enum"] if isinstance(item, str)]:
        return text
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _text(value: Any, schema: Mapping[str, Any]) -> str:
    if isinstance(value, str) and (_is_text(schema) or "enum" in schema):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) and value else None)
