"""How large the inputs of a start or a retry may be: the same for whoever asks."""

import pytest

from gateway.application.commands.runs import audited, check_size
from gateway.domain.problems import Invalid
from shared.contracts.runs import MOST_COMMAND_BYTES, RetryRun, StartRun


def a_start(size: int) -> StartRun:
    return StartRun(workflow="w", run_id="r1", inputs={"x": "y" * size})


def test_inputs_are_bounded_by_the_command_that_they_make() -> None:
    check_size(a_start(MOST_COMMAND_BYTES - 1000))
    for command in (a_start(MOST_COMMAND_BYTES), RetryRun(run_id="r1", inputs={"x": "ü" * 500_000})):
        with pytest.raises(Invalid) as wrong:
            check_size(command)
        (problem,) = wrong.value.problems
        assert problem.field == "inputs"
        assert "at most 1,000,000 are taken" in problem.message


def test_what_is_no_unicode_is_said() -> None:
    with pytest.raises(Invalid, match="no Unicode"):
        check_size(StartRun(workflow="w", run_id="r1", inputs={"x": "\ud800"}))


def test_the_audit_holds_inputs_as_long_as_a_list_of_them_can_be_read() -> None:
    assert audited({"x": 1}) == {"x": 1}
    assert audited({"x": "y" * 100_000}) == "100,009 characters; the run holds them"
