"""Inputs that people give: what can't be kept is refused with the way out, however it is nested."""

import json
from typing import Any

import pytest

from gateway.application.commands.runs import StartInput, _check_plain
from gateway.domain.problems import Invalid


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"x": json.loads("[" * 900 + "]" * 900)}, "nested more than 150 deep"),
        ({"x": {"a": ["b\0"]}}, "NUL"),
        ({"x": {"a\0": 1}}, "NUL"),
        ({"x": float("inf")}, "larger"),
    ],
)
def test_inputs_that_cannot_be_kept_are_refused(inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        _check_plain(inputs)
    (problem,) = caught.value.problems
    assert problem.field == "inputs"
    assert said in problem.message
    assert problem.hint


@pytest.mark.parametrize("version", [0, 3_000_000_000, 10**30])
def test_a_version_that_no_column_holds_is_refused_where_it_comes_in(version: int) -> None:
    with pytest.raises(ValueError, match="version"):
        StartInput(workflow="w", version=version)
