"""Expressions say where they are wrong, stay within bounds and answer with plain values."""

import pytest

from shared.runtime.expressions import EvaluationFailed, Uncompilable, Use, compile_expression
from shared.runtime.plain import MOST_DEPTH


def test_a_condition_sees_inputs_and_the_output_of_its_source() -> None:
    condition = compile_expression("inputs.order.amount > 100 && output.messages > 0", Use.CONDITION)
    assert condition.evaluate({"inputs": {"order": {"amount": 101}}, "output": {"messages": 3}}) is True
    assert condition.evaluate({"inputs": {"order": {"amount": 99.5}}, "output": {"messages": 3}}) is False


def test_a_mapping_answers_with_plain_json() -> None:
    mapping = compile_expression(
        "{'id': value.id, 'parts': [value.n, 2.5, null], 'at': timestamp('2026-01-01T00:00:00Z')}", Use.MESSAGE_MAPPING
    )
    values = {"value": {"id": "A1", "n": 7}, "key": "", "headers": {}, "topic": "orders", "partition": 0, "offset": 1}
    found = mapping.evaluate(values)
    assert found["id"] == "A1"
    assert found["parts"] == [7, 2.5, None]
    assert found["at"].startswith("2026-01-01T00:00:00")


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("inputs.a >", 1, 11, ""),
        ("inputs.a ==\n  nothing", 2, 3, "There are: inputs, output"),
        ("'a text'", 1, 1, "must be true or false"),
        ("1 + 'a' == 2", 1, 3, ""),
    ],
)
def test_what_does_not_compile_names_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(Uncompilable) as wrong:
        compile_expression(text, Use.CONDITION)
    assert (wrong.value.line, wrong.value.column) == (line, column)
    assert words in wrong.value.message


@pytest.mark.parametrize(
    "text",
    [
        "inputs.missing",
        "inputs.number",  # no bool
        "inputs.list.all(x, inputs.list.all(y, inputs.list.all(z, x + y + z >= 0)))",  # 8,000,000 steps
        "1 / (inputs.number - inputs.number) == 0",
    ],
)
def test_what_has_no_value_fails_and_never_counts_as_true(text: str) -> None:
    condition = compile_expression(text, Use.CONDITION)
    with pytest.raises(EvaluationFailed):
        condition.evaluate({"inputs": {"number": 1, "list": list(range(200))}, "output": {}})


def test_a_deep_text_is_refused_and_ends_nothing() -> None:
    with pytest.raises(Uncompilable):
        compile_expression("(" * 900 + "true" + ")" * 900, Use.CONDITION)


@pytest.mark.parametrize("inputs", [{"it": "a\x00b"}, {"it": ["x", {"deep": "\x00"}]}, {"a\x00": 1}])
def test_a_text_with_a_nul_character_is_refused_and_not_cut(inputs: dict[str, object]) -> None:
    with pytest.raises(EvaluationFailed, match="NUL"):
        compile_expression("inputs.it", Use.BUSINESS_KEY).evaluate({"inputs": inputs})


@pytest.mark.parametrize("levels", [170, 600, 950, 100_000])
def test_data_of_any_depth_end_in_a_sentence(levels: int) -> None:
    value: object = 1
    for number in range(levels):
        value = [value] if number % 2 else {"in": value}
    with pytest.raises(EvaluationFailed, match="nested more than 150 deep"):
        compile_expression("size(inputs.it) > 0", Use.CONDITION).evaluate({"inputs": {"it": value}, "output": {}})


def test_data_of_a_depth_that_is_kept_can_be_judged() -> None:
    value: object = "found"
    for _ in range(MOST_DEPTH):
        value = [value]
    assert compile_expression("inputs.it.size() == 1", Use.CONDITION).evaluate({"inputs": {"it": value}, "output": {}}) is True
