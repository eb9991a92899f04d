"""What a workflow asks of those who start it: a JSON Schema per input, and inputs held against them; pure.

Schemas are those of 2020-12, complete in themselves: nothing is fetched, and patterns take linear time.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from gateway.domain.nearest import meant
from gateway.domain.problems import FieldProblem

MOST_PROBLEMS = 20
TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor")
_HOLDS_VALUES = ("default", "const", "enum", "examples", "required", "dependentRequired")
"""Keywords whose values are data and no schemas."""

NAMED_SCHEMAS = ("properties", "patternProperties", "$defs", "dependentSchemas")
"""Keywords whose value is name → schema."""
SCHEMAS = (
    *("items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"),
    *("not", "if", "then", "else", "contentSchema"),
)
"""Keywords whose value is a schema."""
SCHEMA_LISTS = ("prefixItems", "allOf", "anyOf", "oneOf")
KEYWORDS = (
    *("type", "title", "description", "default", "enum", "const", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema"),
    *("format", "pattern", "minLength", "maxLength", "contentEncoding", "contentMediaType"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("required", "dependentRequired", "minProperties", "maxProperties"),
    *("minItems", "maxItems", "uniqueItems", "minContains", "maxContains"),
    *(*NAMED_SCHEMAS, *SCHEMAS, *SCHEMA_LISTS),
)
"""The words of a schema (2020-12, without references). A word of one's own begins with x-."""


class WrongSchema(ValueError):
    """No schema that can be used; ``path`` leads to what is wrong, from the schema's root."""

    def __init__(self, message: str, path: tuple[str | int, ...] = (), hint: str = "") -> None:
        super().__init__(message)
        self.message, self.path, self.hint = message, path, hint


def required(schema: Mapping[str, Any]) -> bool:
    """Whether a run can't be started without this input."""
    return "default" not in schema


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise WrongSchema unless this is a JSON Schema whose default keeps to it."""
    for path, name, value in _keywords(schema, ()):
        if name in _REFERENCES:
            raise WrongSchema(f"'{name}' is not taken in the schema of an input.", (*path, name), "Write the schema out where it is used.")
        if name not in KEYWORDS and not name.startswith("x-"):
            raise WrongSchema(f"JSON Schema has no word '{name[:60]}'.", (*path, name), meant(name, KEYWORDS))
        if name == "$schema" and value != _DRAFT:
            raise WrongSchema(
                f"'{str(value)[:80]}' is not the JSON Schema that inputs have.", (*path, name), f"Leave it out, or write {_DRAFT}."
            )
        if name == "type" and isinstance(value, str) and value not in TYPES:
            raise WrongSchema(f"There is no type '{value[:40]}'.", (*path, name), meant(value, TYPES))
    try:
        validator = _validator(schema)
    except (ValidationError, ValueError) as wrong:
        said, where = _said(wrong), tuple(getattr(wrong, "instance_path", ()))
        raise WrongSchema(f"This is no JSON Schema: {said}.", where, "See https://json-schema.org, draft 2020-12.") from None
    if "default" in schema:
        found = next(validator.iter_errors(schema["default"]), None)
        if found is not None:
            raise WrongSchema(
                f"The default does not keep to its own schema: {_said(found)}.", ("default", *found.instance_path), "Change one of both."
            )


def check_inputs(declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> tuple[FieldProblem, ...]:
    """Return what is wrong with the inputs of a start, field by field. Nothing declared = whatever comes is taken."""
    if not declared:
        return ()
    problems = [
        FieldProblem(f"inputs.{name}", f"The workflow has no input '{name[:100]}'.", meant(name, declared))
        for name in given
        if name not in declared
    ]
    for name, schema in declared.items():
        if name in given:
            problems += _value_problems(name, schema, given[name])
        elif required(schema):
            about = str(schema.get("description", "")) or f"Give {expected(schema)}."
            problems.append(FieldProblem(f"inputs.{name}", "This is needed.", about))
    return tuple(problems[:MOST_PROBLEMS])


def expected(schema: Mapping[str, Any]) -> str:
    """Say in words what a schema takes."""
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(item, ensure_ascii=False) for item in list(schema["enum"])[:10])
    kind = schema.get("type")
    kinds = [str(item) for item in kind] if isinstance(kind, list | tuple) else [str(kind)] if kind else []
    words = {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "object": "a JSON object",
        "array": "a JSON list",
        "null": "nothing",
    }
    said = " or ".join(words.get(item, item) for item in kinds) or "any value"
    formats = {"date": "a date, e.g. 2026-11-22", "date-time": "a time with its offset, e.g. 2026-11-22T18:00:00Z"}
    return formats.get(str(schema.get("format")), said) if kinds == ["string"] else said


def _value_problems(name: str, schema: Mapping[str, Any], value: Any) -> Iterator[FieldProblem]:
    try:
        errors = list(_first(_validator(schema).iter_errors(value)))
    except (ValidationError, ValueError) as broken:  # published before schemas were checked
        yield FieldProblem(f"inputs.{name}", f"Its schema can't be used: {_said(broken)}.", "Publish a version that corrects it.")
        return
    for error in errors:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        inner = f"In '{where.lstrip('.')}': " if where else ""
        yield FieldProblem(f"inputs.{name}", f"{inner}{_said(error)}.", f"It takes {expected(schema)}.")


def _first(errors: Iterator[ValidationError]) -> Iterator[ValidationError]:
    for _, error in zip(range(MOST_PROBLEMS), errors, strict=False):
        yield error


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    plain = {key: value for key, value in schema.items() if key != "$schema"}
    return Draft202012Validator(plain, validate_formats=True, pattern_options=RegexOptions(), offline=True)


def _keywords(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    """Every keyword of a schema and of the schemas in it. Depth is bounded by the document's."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield path, str(name), below
            if name in NAMED_SCHEMAS and isinstance(below, Mapping):
                for key, schema in below.items():
                    yield from _keywords(schema, (*path, name, key))
            elif name not in _HOLDS_VALUES and not name.startswith("x-"):
                yield from _keywords(below, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _keywords(item, (*path, index))


def _said(error: Exception) -> str:
    return str(getattr(error, "message", error)).splitlines()[0].rstrip(".")[:300]
