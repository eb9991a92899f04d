"""The start form: a field for each input by its schema, and what is typed as the values that were meant."""

from typing import Any

import pytest
from sample_pages.frame import NOW

from gateway.application.answers.outcomes import OutcomesAnswer
from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.queries.outcomes import outcomes_view
from gateway.application.queries.start import given_inputs, start_form

DECLARED: dict[str, dict[str, Any]] = {
    "day": {"type": "string", "format": "date", "description": "Day of business"},
    "limit": {"type": "integer", "minimum": 1, "default": 100},
    "share": {"type": "number"},
    "dry": {"type": "boolean", "default": False},
    "country": {"type": "string", "enum": ["DE", "AT"]},
    "mixed": {"enum": ["DE", 7, None], "default": None},
    "order": {"type": "object", "properties": {"id": {"type": "string"}}, "default": {"id": "7"}},
    "note": {"type": "string", "default": "a: 7"},
}
WORKFLOW = WorkflowRecord("w", "orders", "", 3, False, NOW, NOW, "ada")


def version(number: int = 3) -> VersionRecord:
    return VersionRecord("w", number, "", {"inputs": DECLARED}, NOW, "ada")


def test_each_input_has_the_field_that_fits() -> None:
    form = start_form(WORKFLOW, version(2))
    shown = {field.label: (field.input, field.value, field.required) for field in form.fields}
    assert shown == {
        "day": ("date", "", True),
        "limit": ("number", "100", False),
        "share": ("text", "", True),
        "dry": ("select", "false", False),
        "country": ("select", "", True),
        "mixed": ("select", "null", False),
        "order": ("textarea", '{\n  "id": "7"\n}', False),
        "note": ("text", "a: 7", False),
    }
    assert form.needed == 3
    assert [choice.value for choice in form.versions] == ["3", "2", "1"]
    assert "at least 1" in form.fields[1].help
    assert [choice.label for choice in form.fields[4].options] == ["Choose one", "DE", "AT"]


def test_what_is_typed_is_what_was_meant_and_what_is_empty_is_not_given() -> None:
    typed = {"day": "2026-11-22", "limit": "5", "share": "0.5", "dry": "true", "country": "AT", "mixed": "7", "order": "", "note": "7"}
    found, problems = given_inputs(DECLARED, {f"inputs.{name}": text for name, text in typed.items()})
    assert problems == ()
    assert found == {"day": "2026-11-22", "limit": 5, "share": 0.5, "dry": True, "country": "AT", "mixed": 7, "note": "7"}


@pytest.mark.parametrize("text", ["five", "{", "NaN", "1e", "[" * 100_000])
def test_what_can_not_be_read_is_said_at_its_field(text: str) -> None:
    _, (problem,) = given_inputs({"limit": DECLARED["limit"]}, {"inputs.limit": text})
    assert (problem.field, problem.message) == ("inputs.limit", "This is not a whole number.")


def test_a_rate_of_nothing_is_no_rate() -> None:
    nothing = outcomes_view(WORKFLOW, OutcomesAnswer(since=NOW), ())
    assert (nothing.sentence, nothing.tone, nothing.outcomes) == ("No run in the last 7 days.", "unknown", ())
    moving = outcomes_view(WORKFLOW, OutcomesAnswer(since=NOW, runs={"running": 2, "cancelled": 1}), ())
    assert moving.tone == "unknown"
    assert "has succeeded or failed yet" in moving.sentence


def test_not_all_is_never_rounded_up_to_all() -> None:
    runs = {"succeeded": 19_999, "failed": 1}
    seen = outcomes_view(WORKFLOW, OutcomesAnswer(since=NOW, runs=runs, success_rate=19_999 / 20_000, cut=True), ())
    assert seen.sentence == "99.9 % succeeded of the newest 20,000 runs."
