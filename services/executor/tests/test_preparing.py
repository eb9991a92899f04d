"""A published definition made ready to run: expressions, schemas and plug-ins, and what is wrong with them."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from executor.adapters.retry_plugins import installed
from executor.application.preparing import graph_of, missing_plugin
from executor.domain.graph import GraphRefused
from executor.domain.rules import NoAnswer, Refused
from shared.contracts.workflows import Component, Connection, CustomRetry, WorkflowDefinition


def definition(**more: Any) -> WorkflowDefinition:
    made = {"workflow": "orders", "components": (Component(name="A", kind="service"), Component(name="B", kind="service"))}
    return WorkflowDefinition.model_validate(made | more)


def when(expression: str) -> Any:
    return graph_of(definition(connections=(Connection(source="A", target="B", kind="processing", when=expression),)), {})


def check(schemas: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return graph_of(definition(inputs=schemas), {}).rules.inputs(given)


ORDER = {
    "amount": {"type": "number", "minimum": 1},
    "day": {"type": "string", "format": "date", "default": "2026-01-02"},
    "order": {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "integer"}}}, "default": {}},
}


def test_inputs_are_filled_in_and_every_wrong_one_is_named() -> None:
    assert check(ORDER, {"amount": 3}) == {"amount": 3, "day": "2026-01-02", "order": {}}
    with pytest.raises(Refused) as refused:
        check(ORDER, {"amont": 3, "zzz": 1, "day": "soon", "order": {"lines": [1, "x"]}})
    text = str(refused.value)
    assert text.startswith("The inputs are not what “orders” declares: ")
    assert "there is no input “amont” (did you mean “amount”?)" in text
    assert "there is no input “zzz” (there are: amount, day, order)" in text
    assert "“amount” is missing (expected: number)" in text
    assert '“day”: it is not a "date"' in text
    assert '“order.lines[1]”: it is not of type "integer"' in text
    with pytest.raises(Refused, match="“amount”: it is less than the minimum of 1"):
        check(ORDER, {"amount": 0})


def test_an_empty_declaration_takes_whatever_comes() -> None:
    given = {"anything": [1, {"x": None}]}
    assert check({}, given) is given


def test_values_do_not_stand_in_what_is_said_about_them_and_much_that_is_wrong_is_cut() -> None:
    with pytest.raises(Refused) as refused:
        check({"token": {"type": "integer"}, "many": {"items": {"type": "string"}}}, {"token": "a-secret", "many": list(range(9999))})
    assert "a-secret" not in str(refused.value)
    assert "more." in str(refused.value)
    assert len(str(refused.value)) < 4000


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "nothing"}, "The schema of the input “x” can't be used"),
        ({"$ref": "http://127.0.0.1:1/steal"}, "not followed"),
        ({"pattern": "("}, "can't be used"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: Any, words: str) -> None:
    with pytest.raises(GraphRefused, match=words):
        check({"x": schema}, {})


def test_a_pattern_that_would_take_for_ever_does_not() -> None:
    began = time.process_time()
    with pytest.raises(Refused):
        check({"x": {"pattern": "^(a+)+$"}}, {"x": "a" * 5000 + "!"})
    assert time.process_time() - began < 5


def test_conditions_answer_over_inputs_and_output() -> None:
    condition = when("output.count > 0 && inputs.day == 'today'").rules.conditions["A", "B"]
    assert condition({"day": "today"}, {"count": 2}) is True
    assert condition({"day": "later"}, {"count": 2}) is False
    with pytest.raises(NoAnswer, match="count"):
        condition({"day": "today"}, {})
    with pytest.raises(NoAnswer, match="true or false"):
        when("output.count").rules.conditions["A", "B"]({}, {"count": 2})


def test_a_condition_that_runs_too_long_has_no_answer_and_holds_nobody_up() -> None:
    many = ", ".join(str(number) for number in range(100))
    bomb = when(f"[{many}].all(a, [{many}].all(b, [{many}].all(c, inputs.n + a + b + c >= 0)))").rules.conditions["A", "B"]
    began = time.process_time()
    with pytest.raises(NoAnswer):
        bomb({"n": 1}, {})
    assert time.process_time() - began < 2


@pytest.mark.parametrize("text", ["output.count >", "unknown == 1", "1 + 1"])
def test_an_expression_that_does_not_compile_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(GraphRefused, match="when: of “A” → “B” is no expression that can be used"):
        when(text)


@pytest.mark.parametrize(
    ("expression", "inputs", "key"),
    [
        ("inputs.order.id", {"order": {"id": "A-7"}}, "A-7"),
        ("inputs.n", {"n": 7}, "7"),
        ("inputs.n == 1", {"n": 1}, "true"),
        ("inputs.order.id", {"order": {"id": "x" * 500}}, "x" * 200),
        ("inputs.n", {"n": None}, None),
        ("inputs.n", {"n": ""}, None),
    ],
)
def test_a_business_key_is_a_text(expression: str, inputs: Any, key: str | None) -> None:
    assert graph_of(definition(business_key=expression), {}).rules.business_key(inputs) == key


@pytest.mark.parametrize(("inputs", "words"), [({}, "order"), ({"order": {"id": [1]}}, "it is a list, and must be a text or a number")])
def test_a_business_key_without_an_answer_says_why(inputs: Any, words: str) -> None:
    with pytest.raises(NoAnswer, match=words):
        graph_of(definition(business_key="inputs.order.id"), {}).rules.business_key(inputs)


def test_a_retry_plug_in_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "patient_plugin.py").write_text("def patient(failures, code):\n    return failures * 10.0\n")
    info = tmp_path / "patient-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: patient\nVersion: 1.0\n")
    points = (
        "[flowtower.retries]\npatient = patient_plugin:patient\nbroken = patient_plugin:missing\nno-function = patient_plugin:__name__\n"
    )
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    found = installed()
    sys.modules.pop("patient_plugin", None)
    assert {name for name in found if name in {"patient", "broken", "no-function"}} == {"patient"}
    components = (Component(name="A", kind="service", retry=CustomRetry(plugin="patient")),)
    wanted = definition(components=components)
    assert graph_of(wanted, found).rules.waits["A"](3, "Boom") == 30.0
    assert missing_plugin(wanted, found) is None
    assert missing_plugin(wanted, {}) == "“A” names the retry plug-in “patient”, which is not installed. None is installed."
    assert missing_plugin(wanted, {"eager": found["patient"]}) == (
        "“A” names the retry plug-in “patient”, which is not installed. Installed are: eager."
    )


def test_five_thousand_components_are_no_workflow() -> None:
    with pytest.raises(ValidationError, match="at most 500"):
        definition(components=[{"name": f"C{number}", "kind": "service"} for number in range(5000)])
