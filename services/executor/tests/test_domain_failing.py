"""What follows from a failed attempt, and why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executor.domain import retry
from executor.domain.events import stamp
from executor.domain.failing import Decision, Failure, classed, decide
from executor.domain.journal import Progress
from shared.contracts.workflows import Component, CustomRetry, ErrorClasses, ExponentialRetry, FixedRetry

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def failure(code: str = "HttpStatus:503", *, retryable: bool = True, after: float | None = None) -> Failure:
    return Failure(code, "It went wrong.", retryable=retryable, after=after)


def decided(failed: Failure, *, failures: int = 0, plugin: Any = None, began: datetime = NOW, **given: Any) -> Decision:
    part = Progress()
    part.failures, part.began = failures, stamp(began)
    return decide(Component(name="A", kind="service", **given), part, failed, NOW, lambda: 0.0, plugin)


@pytest.mark.parametrize(
    ("classes", "code", "found"),
    [
        ({"retry": ("HttpStatus",)}, "HttpStatus:503", ("retry", "HttpStatus")),
        ({"retry": ("HttpStatus",), "park": ("HttpStatus:5*",)}, "HttpStatus:503", ("park", "HttpStatus:5*")),
        ({"park": ("HttpStatus:5*",), "fail": ("HttpStatus:503",)}, "HttpStatus:503", ("fail", "HttpStatus:503")),
        ({"park": ("HttpStatus:5*",)}, "HttpStatus:404", None),
        ({"park": ("HttpStatus:503",)}, "HttpStatus", None),
        ({"retry": ("*",), "fail": ("QueueNotFound",)}, "QueueNotFound", ("fail", "QueueNotFound")),
        ({"retry": ("*",)}, "AnythingElse", ("retry", "*")),
        ({"retry": ("Http",)}, "HttpStatus:503", None),
        ({"retry": ("*",), "park": ("*",), "fail": ()}, "X", ("park", "*")),
        ({"fail": ("SqlState:23505",)}, "SqlState:23505", ("fail", "SqlState:23505")),
        ({}, "X", None),
    ],
)
def test_the_longest_match_names_the_class(classes: Any, code: str, found: Any) -> None:
    assert classed(ErrorClasses(**classes), code) == found


def test_each_decision_says_why() -> None:
    fixed = FixedRetry(every=2, attempts=3)
    assert decided(failure(), retry=fixed) == Decision("retry", "Attempt 1 of 3 failed; its fixed strategy waits 2 s.", 2)
    assert decided(failure(), retry=fixed, failures=2) == Decision("fail", "All 3 attempts that its retry: strategy allows are used up.")
    assert decided(failure()).why == "The component has no retry: strategy."
    assert decided(failure(retryable=False), retry=fixed).why == "Another attempt cannot succeed until somebody changes something."
    assert decided(failure(after=60), retry=fixed) == Decision(
        "retry", "Attempt 1 of 3 failed; its fixed strategy waits 2 s, but the other side asked for 60 s.", 60
    )
    again = decided(failure(retryable=False), retry=fixed, errors=ErrorClasses(retry=("HttpStatus:503",)))
    assert again.kind == "retry"
    assert again.why.endswith("waits 2 s. errors: retry names “HttpStatus:503”.")
    late = decided(failure(), retry=fixed, deadline=10, began=NOW - timedelta(seconds=8))
    assert late == Decision("fail", "The next attempt would be 2 s from now; the deadline of 10 s for all of them ends before.")
    assert decided(failure("DeadlineExceeded", retryable=False), retry=fixed).why == "The deadline for all attempts together is over."


def test_a_lost_executor_costs_no_attempt_and_is_not_classed() -> None:
    lost = Failure("ExecutorLost", "Lost.", retryable=True)
    assert decided(lost, errors=ErrorClasses(park=("*",))) == Decision(
        "retry", "Its executor was lost; that costs none of its attempts.", 0.0
    )
    assert decided(Failure("ExecutorStopped", "Stopped.", retryable=True)).wait == 0.0


def test_a_plug_in_says_when_and_its_nonsense_costs_only_its_component() -> None:
    asked: list[tuple[int, str]] = []

    def fibonacci(failures: int, code: str) -> float | None:
        asked.append((failures, code))
        return None if failures > 3 else [1, 2, 3][failures - 1]

    custom = CustomRetry(plugin="fibonacci")
    assert decided(failure(), retry=custom, failures=1, plugin=fibonacci).wait == 2
    assert decided(failure(), retry=custom, failures=3, plugin=fibonacci).why == "Its retry plug-in allows no further attempt."
    assert asked == [(2, "HttpStatus:503"), (4, "HttpStatus:503")]
    assert decided(failure(), retry=CustomRetry(plugin="f", attempts=2), failures=1, plugin=fibonacci).kind == "fail"
    for nonsense, words in (
        (lambda _failures, _code: 1 / 0, "ended in an error (ZeroDivisionError"),
        (lambda _failures, _code: float("nan"), "answered nan, which is no number of seconds"),
        (lambda _failures, _code: -1, "answered -1.0"),
        (None, "is not installed here"),
    ):
        decision = decided(failure(), retry=custom, plugin=nonsense)
        assert decision.kind == "fail"
        assert words in decision.why
    assert retry.attempts(custom) == retry.MOST_ATTEMPTS
    assert retry.wait(custom, 1, lambda: 0.0, plugin=lambda _failures, _code: 1e12) == 31_536_000


def test_exponential_says_its_wait() -> None:
    assert (
        decided(failure(), retry=ExponentialRetry(first=1, factor=3), failures=2).why
        == "Attempt 3 of 5 failed; its exponential strategy waits 9 s."
    )
