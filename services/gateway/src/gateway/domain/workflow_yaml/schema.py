"""The JSON Schema of a workflow document, from the models and the kinds: what editors complete and check by.

Draft 7, because that is what editors of YAML know. It knows no endpoints and compiles no expression: the gateway does.
"""

from typing import Any

from pydantic import TypeAdapter

from gateway.domain.inputs import KEYWORDS, NAMED_SCHEMAS, SCHEMA_LISTS, SCHEMAS, TYPES
from gateway.domain.workflow_yaml.components import DURATION_OPTIONS
from gateway.domain.workflow_yaml.retries import DURATIONS, STRATEGIES
from shared.contracts.kinds import JOINS, KINDS, Kind
from shared.contracts.workflows import Component, Connection, ErrorClasses, Trigger, WorkflowDefinition

ADDRESS = "/api/workflows/schema.json"
"""Where the gateway serves it."""
_DURATION = {"$ref": "#/definitions/duration"}


def workflow_schema() -> dict[str, Any]:
    """Return the schema of a workflow as it is written in YAML."""
    fields = WorkflowDefinition.model_fields
    definition = WorkflowDefinition.model_json_schema()["properties"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "flowtower:workflow",
        "title": "Flowtower workflow",
        "description": "A graph of components and connections. Options of a component's kind stand beside its own keys.",
        "type": "object",
        "additionalProperties": False,
        "required": ["workflow", "components"],
        "properties": {
            "workflow": _about(_text_of(definition["workflow"]), "Its name; it can't be changed later."),
            "description": _about(_text_of(definition["description"]), "Says in one line what it is for."),
            "inputs": {
                "description": _said(fields["inputs"].description),
                "type": "object",
                "maxProperties": 200,
                "propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 100},
                "additionalProperties": {"$ref": "#/definitions/input"},
            },
            "business_key": _expression(fields["business_key"].description),
            "timeout": _duration(fields["timeout"].description),
            "concurrency": _limited(definition["concurrency"]),
            "priority": _limited(definition["priority"]),
            "components": {
                "description": "Each by its name, with its kind, its endpoint and the options of its kind.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": 500,
                "propertyNames": {"pattern": r"^[A-Za-z][A-Za-z0-9_.-]*$", "maxLength": 100},
                "additionalProperties": {"oneOf": [{"$ref": f"#/definitions/component-{name}"} for name in KINDS]},
            },
            "connections": {
                "description": "What follows what.",
                "type": ["array", "null"],
                "maxItems": 2000,
                "items": {"$ref": "#/definitions/connection"},
            },
            "triggers": {"description": "What starts a run by itself.", "type": ["array", "null"], "maxItems": 50, "items": _triggers()},
        },
        "definitions": {
            "duration": {
                "description": "A number and its unit: 500ms, 90s, 2m, 1h, 1d.",
                "type": "string",
                "pattern": r"^[0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h|d)$",
                "examples": ["500ms", "30s", "2m", "1h"],
            },
            "input": _input(),
            "schema": _schema(),
            "retry": {"oneOf": [_strategy(name) for name in STRATEGIES]},
            "errors": _errors(),
            "connection": _connection(),
            **{f"component-{name}": _component(kind) for name, kind in KINDS.items()},
        },
    }


def needs_endpoint(kind: Kind) -> bool:
    """Whether components of a kind name an endpoint; those of a kind that says nothing of it do."""
    return bool(getattr(kind, "needs_endpoint", True))


def _component(kind: Kind) -> dict[str, Any]:
    options = _inlined(kind.component.model_json_schema())
    fields = Component.model_fields
    properties: dict[str, Any] = {
        "kind": {"const": kind.name, "description": kind.title},
        "endpoint": _about(_text_of(Component.model_json_schema()["properties"]["endpoint"]), f"Name of a {kind.name} endpoint."),
        **options.get("properties", {}),
        "retry": {"$ref": "#/definitions/retry"},
        "attempt_timeout": _duration(fields["timeout"].description),
        "deadline": _duration(fields["deadline"].description),
        "errors": {"$ref": "#/definitions/errors"},
        "join": {
            "description": _said(fields["join"].description),
            "anyOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1, "maximum": 500}],
        },
        "compensates": {"description": _said(fields["compensates"].description), "type": "string"},
    }
    for name, option in options.get("properties", {}).items():
        if not option.get("description"):
            properties[name] = {**option, "description": f"One of: {', '.join(map(str, option['enum']))}." if "enum" in option else name}
        if (kind.name, name) in DURATION_OPTIONS:
            properties[name] = _duration(properties[name].get("description"))
    needed = ["kind", "endpoint"] if needs_endpoint(kind) else ["kind"]
    if not needs_endpoint(kind):
        del properties["endpoint"]
    return {
        "title": kind.title,
        "type": "object",
        "additionalProperties": False,
        "required": [*needed, *options.get("required", ())],
        "properties": properties,
    }


def _strategy(name: str) -> dict[str, Any]:
    model = STRATEGIES[name]
    described = model.model_json_schema()
    properties = {key: _inner(value) for key, value in described["properties"].items()}
    properties["strategy"] = {"const": name, "description": (model.__doc__ or "").strip()}
    for key in DURATIONS:
        if key in properties:
            properties[key] = _duration(properties[key].get("description"))
    schema: dict[str, Any] = {
        "title": name,
        "type": "object",
        "additionalProperties": False,
        "required": ["strategy", *(key for key in described.get("required", ()) if key != "strategy")],
        "properties": properties,
    }
    if "waits" in properties:
        properties["waits"] = {
            "type": "array",
            "items": _DURATION,
            "minItems": 1,
            "maxItems": 100,
            "description": "Waits between attempts.",
        }
        schema["oneOf"] = [{"required": ["waits"]}, {"required": ["plugin"]}]
    return schema


def _errors() -> dict[str, Any]:
    described = ErrorClasses.model_json_schema()["properties"]
    about = {
        "retry": "Tried again, as the strategy says.",
        "park": "Keeps its place and waits for a person.",
        "fail": "Final at once.",
    }
    return {
        "description": (ErrorClasses.__doc__ or "").splitlines()[0],
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key: {"type": "array", "description": about.get(key, ""), "items": _text_of(value["items"])} for key, value in described.items()
        },
    }


def _connection() -> dict[str, Any]:
    ends = _text_of(Connection.model_json_schema()["properties"]["source"])
    kinds = [{"const": join.name, "description": join.meaning} for join in JOINS.values()]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["from", "to"],
        "properties": {
            "from": _about(ends, "The component that comes before."),
            "to": _about(ends, "The component that follows."),
            "kind": {"description": "Follows from the kinds of both ends when it is left out.", "anyOf": kinds},
            "when": _expression(Connection.model_fields["when"].description),
        },
    }


def _triggers() -> dict[str, Any]:
    described = _inlined(TypeAdapter(Trigger).json_schema())
    branches = [_inner(branch) for branch in described.get("oneOf", [described])]
    for branch in branches:
        branch["additionalProperties"] = False
        branch["required"] = ["kind", *(key for key in branch.get("required", ()) if key not in ("kind", "name"))]
    return {"oneOf": branches}


def _input() -> dict[str, Any]:
    types = [name for name in TYPES if name != "null"]
    whole = {"$ref": "#/definitions/schema", "description": "A JSON Schema (2020-12). With a default it may be left out at a start."}
    return {"anyOf": [{"enum": types, "description": "The type alone."}, whole]}


def _schema() -> dict[str, Any]:
    """Return the schema of a JSON Schema as inputs may have it: a misspelt word is none."""
    inner = {"anyOf": [{"type": "boolean"}, {"$ref": "#/definitions/schema"}]}
    known: dict[str, Any] = {
        "type": {"anyOf": [{"enum": list(TYPES)}, {"type": "array", "items": {"enum": list(TYPES)}}]},
        "default": {"description": "Taken when a start does not give it."},
        "description": {"type": "string"},
        "enum": {"type": "array", "minItems": 1},
        "format": {"type": "string", "examples": ["date", "date-time", "email", "uri", "uuid"]},
        "pattern": {"type": "string"},
        "minimum": {"type": "number"},
        "maximum": {"type": "number"},
        "required": {"type": "array", "items": {"type": "string"}},
        **{name: {"type": "object", "additionalProperties": inner} for name in NAMED_SCHEMAS},
        **dict.fromkeys(SCHEMAS, inner),
        **{name: {"type": "array", "minItems": 1, "items": inner} for name in SCHEMA_LISTS},
    }
    return {
        "type": "object",
        "properties": {name: known.get(name, {}) for name in KEYWORDS},
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a model's schema with its references written out; options are no deeper than a few levels."""
    below = schema.pop("$defs", {})

    def out(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return out({**below[value["$ref"].rsplit("/", 1)[1]], **{key: item for key, item in value.items() if key != "$ref"}})
            return {key: out(item) for key, item in value.items() if key != "discriminator"}
        return [out(item) for item in value] if isinstance(value, list) else value

    found = out(schema)
    found["properties"] = {key: _inner(value) for key, value in found.get("properties", {}).items()}
    return dict(found)


def _inner(value: dict[str, Any]) -> dict[str, Any]:
    """Return a field's schema without the titles that only repeat its name."""
    return {
        key: ({name: _inner(item) for name, item in below.items()} if key == "properties" else below)
        for key, below in value.items()
        if key != "title"
    }


def _text_of(value: dict[str, Any]) -> dict[str, Any]:
    """Return the text that a field holds, of an optional one too."""
    chosen = next((item for item in value.get("anyOf", ()) if item.get("type") == "string"), value)
    return {key: item for key, item in chosen.items() if key in ("type", "pattern", "minLength", "maxLength")}


def _limited(value: dict[str, Any]) -> dict[str, Any]:
    chosen = next((item for item in value.get("anyOf", ()) if item.get("type") == "integer"), value)
    found = {key: item for key, item in chosen.items() if key in ("type", "minimum", "maximum", "default")}
    return _about(found, value.get("description"))


def _about(schema: dict[str, Any], description: str | None) -> dict[str, Any]:
    return {**schema, "description": _said(description)}


def _duration(description: str | None) -> dict[str, Any]:
    return {"allOf": [_DURATION], "description": _said(description)}


def _expression(description: str | None) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": 2000, "description": _said(description)}


def _said(description: str | None) -> str:
    """Return a description of the contract in the words of the document, where None is a key that is left out."""
    return (description or "").replace("None = ", "Left out: ")
