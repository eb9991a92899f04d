"""Inputs of a start against the schemas that a workflow declares, and what no schema may be."""

import time
from typing import Any

import pytest

from gateway.domain.inputs import WrongSchema, check_inputs, check_schema, expected

DECLARED = {
    "day": {"type": "string", "format": "date", "description": "Day of business"},
    "limit": {"type": "integer", "minimum": 1, "default": 100},
    "order": {"type": "object", "properties": {"id": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}}},
}


@pytest.mark.parametrize(
    ("given", "field", "message", "hint"),
    [
        ({"order": {}}, "inputs.day", "This is needed.", "Day of business"),
        ({"day": "2026-11-31", "order": {}}, "inputs.day", 'is not a "date"', "2026-11-22"),
        ({"day": "2026-11-22"}, "inputs.order", "This is needed.", "a JSON object"),
        ({"day": "2026-11-22", "order": {}, "limt": 5}, "inputs.limt", "no input 'limt'", "'limit'"),
        ({"day": "2026-11-22", "order": {}, "limit": 0}, "inputs.limit", "0 is less than the minimum of 1", "a whole number"),
        ({"day": "2026-11-22", "order": {}, "limit": True}, "inputs.limit", 'is not of type "integer"', "a whole number"),
        ({"day": "2026-11-22", "order": {"lines": [1, "x"]}}, "inputs.order", "In 'lines[1]': ", "a JSON object"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(given: dict[str, Any], field: str, message: str, hint: str) -> None:
    (problem,) = check_inputs(DECLARED, given)
    assert problem.field == field
    assert message in problem.message
    assert hint in problem.hint


def test_good_inputs_are_taken_and_a_default_may_be_left_out() -> None:
    assert check_inputs(DECLARED, {"day": "2026-11-22", "order": {"id": "7"}}) == ()
    assert check_inputs({}, {"whatever": [1, None]}) == ()


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        ({"type": "strng"}, ("type",), "no type 'strng'"),
        ({"type": "string", "defualt": "x"}, ("defualt",), "no word 'defualt'"),
        ({"type": "object", "properties": {"a": {"enmu": [1]}}}, ("properties", "a", "enmu"), "no word 'enmu'"),
        ({"type": "array", "items": {"oneOf": [{"mininum": 1}]}}, ("items", "oneOf", 0, "mininum"), "no word 'mininum'"),
        ({"type": "string", "minLength": -1}, ("minLength",), "no JSON Schema"),
        ({"type": "string", "pattern": "("}, ("pattern",), "no JSON Schema"),
        (
            {"properties": {"a": {"properties": {"b": {"$ref": "http://127.0.0.1:1/x"}}}}},
            ("properties", "a", "properties", "b", "$ref"),
            "$ref",
        ),
        ({"$schema": "http://127.0.0.1:1/x"}, ("$schema",), "not the JSON Schema"),
        ({"$id": "http://127.0.0.1:1/x"}, ("$id",), "$id"),
        ({"type": "integer", "default": "x"}, ("default",), "does not keep to its own schema"),
        ({"type": "array", "items": {"type": "integer"}, "default": [1, "x"]}, ("default", 1), "does not keep"),
    ],
)
def test_what_is_no_schema_is_refused_at_its_place(schema: dict[str, Any], path: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(WrongSchema) as wrong:
        check_schema(schema)
    assert wrong.value.path == path
    assert message in wrong.value.message


def test_every_word_of_json_schema_is_known_and_one_may_have_words_of_ones_own() -> None:
    whole: dict[str, Any] = {
        "type": "object",
        "title": "Order",
        "properties": {"lines": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "uniqueItems": True}},
        "required": ["lines"],
        "dependentRequired": {"lines": ["id"]},
        "additionalProperties": False,
        "x-shown": {"as": "a table"},
    }
    check_schema(whole)
    with pytest.raises(WrongSchema) as wrong:
        check_schema({**whole, "requierd": []})
    assert wrong.value.hint == "Did you mean 'required'?"


def test_values_in_a_schema_may_look_like_keywords() -> None:
    check_schema({"type": "object", "properties": {"$ref": {"type": "string"}}, "default": {"$ref": "x"}, "examples": [{"$id": "y"}]})


def test_a_pattern_that_would_take_for_ever_does_not() -> None:
    began = time.process_time()
    assert check_inputs({"a": {"type": "string", "pattern": "(a+)+$"}}, {"a": "a" * 50_000 + "!"})
    assert time.process_time() - began < 2


def test_a_schema_says_in_words_what_it_takes() -> None:
    assert expected({"enum": ["DE", 7]}) == 'one of "DE", 7'
    assert expected({"type": ["string", "null"]}) == "a text or nothing"
    assert expected({}) == "any value"
