"""The rules of runs, one by one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.domain import retry
from executor.domain.graph import Graph, GraphRefused
from executor.domain.journal import State
from executor.domain.run import Failure, Refused, Run, Trace
from shared.contracts.workflows import Component, Connection, CustomRetry, ExponentialRetry, FixedRetry, WorkflowDefinition

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRACE = Trace("a" * 32, "b" * 16)
BOOM = Failure("Boom", "It went wrong.", retryable=True)
BROKEN = Failure("Broken", "It can't work.", retryable=False)


def a_graph(names: list[str], edges: list[tuple[str, str]], attempts: int = 1) -> Graph:
    strategy = FixedRetry(every=1, attempts=attempts) if attempts > 1 else None
    return Graph(
        WorkflowDefinition(
            workflow="w",
            components=tuple(Component(name=name, kind="trivial", retry=strategy) for name in names),
            connections=tuple(Connection(source=a, target=b, kind="processing") for a, b in edges),
        )
    )


def a_run(graph: Graph, state: State | None = None) -> Run:
    return Run(graph, state or State("r", "w1", graph.components), host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)


def begin(run: Run) -> list[dict[str, Any]]:
    return run.start(NOW, version=1, inputs={}, requested_by="t", trigger="api", trace=TRACE)


def test_a_failure_stops_only_what_depends_on_it() -> None:
    run = a_run(a_graph(["A", "B", "C", "D"], [("A", "B"), ("C", "D")]))
    begin(run)
    run.fail(NOW, "A", BROKEN)
    run.succeed(NOW, "C", output={})
    run.succeed(NOW, "D", output={})
    assert {n: p.status for n, p in run.state.components.items()} == {
        "A": "failed",
        "B": "upstream_failed",
        "C": "succeeded",
        "D": "succeeded",
    }
    assert run.state.status == "failed"


def test_the_strategy_plans_the_next_attempt_and_then_gives_up() -> None:
    run = a_run(a_graph(["A"], [], attempts=3))
    begin(run)
    first = run.fail(NOW, "A", BOOM)
    assert [e["event"] for e in first] == ["attempt.failed"]
    assert first[0]["next_attempt_at"] == "2026-01-02T03:04:06Z"
    assert run.state.waiting
    assert [e["event"] for e in run.wake(NOW, "A")] == ["attempt.started"]
    assert run.wake(NOW, "A") == []
    run.fail(NOW, "A", BOOM)
    run.wake(NOW, "A")
    assert [e["event"] for e in run.fail(NOW, "A", BOOM)] == ["attempt.failed", "component.finished", "run.finished"]


def test_the_other_sides_wish_to_wait_is_honoured() -> None:
    run = a_run(a_graph(["A"], [], attempts=3))
    begin(run)
    planned = run.fail(NOW, "A", Failure("HttpStatus", "429", retryable=True, after=60))[0]["next_attempt_at"]
    assert planned == "2026-01-02T03:05:05Z"


def test_a_component_that_takes_its_executor_down_again_and_again_is_given_up() -> None:
    run = a_run(a_graph(["A"], []))
    begin(run)
    for _ in range(4):
        run.resume(NOW)
        assert run.state.components["A"].status == "running"
    run.resume(NOW)
    assert run.state.status == "failed"


@pytest.mark.parametrize(
    ("names", "edges", "words"),
    [
        (["A", "A"], [], "twice"),
        (["A", "B"], [("A", "B"), ("B", "A")], "circle"),
        (["A"], [("A", "B")], "none of its components"),
        (["A", "B"], [("A", "B"), ("A", "B")], "connected twice"),
    ],
)
def test_a_graph_that_cannot_be_run_is_refused(names: list[str], edges: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(GraphRefused, match=words):
        a_graph(names, edges)


def test_refusals_say_what_to_do_instead() -> None:
    run = a_run(a_graph(["A", "B"], [("A", "B")]))
    begin(run)
    with pytest.raises(Refused, match="is running"):
        run.retry(NOW, ["A"], scope="only", requested_by="")
    with pytest.raises(Refused, match="no component “X”"):
        run.retry(NOW, ["X"], scope="only", requested_by="")
    run.fail(NOW, "A", BROKEN)
    with pytest.raises(Refused, match="Retry “A” instead"):
        run.retry(NOW, ["B"], scope="only", requested_by="")
    with pytest.raises(Refused, match="does not wait"):
        run.retry_now(NOW, "A")
    with pytest.raises(Refused, match="already ended"):
        run.cancel(NOW, reason="", transfers={})


def test_retry_only_takes_what_was_held_up_with_it() -> None:
    run = a_run(a_graph(["A", "B", "C", "D"], [("A", "B"), ("B", "C"), ("A", "D")]))
    begin(run)
    run.succeed(NOW, "A", output={"n": 1})
    run.succeed(NOW, "D", output={})
    run.fail(NOW, "B", BROKEN)
    events = run.retry(NOW, ["B"], scope="only", requested_by="me")
    assert events[0]["again"] == {"B": 2, "C": 2}
    assert events[0]["stays"] == ["A", "D"]
    assert [(e["component"], e["generation"], e["attempt"]) for e in events[1:]] == [("B", 2, 1)]
    run.succeed(NOW, "B", output={})
    run.succeed(NOW, "C", output={})
    assert run.state.status == "succeeded"
    assert run.idempotency_key("B") == "r:B:2"


@given(st.integers(1, 200), st.floats(0, 1), st.floats(0, 0.999))
def test_waits_stay_within_their_bounds(failures: int, jitter: float, chance: float) -> None:
    strategy = ExponentialRetry(first=1, factor=100, most=30, attempts=200, jitter=jitter)
    seconds = retry.wait(strategy, failures, lambda: chance)
    if failures >= 200:
        assert seconds is None
    else:
        assert seconds is not None
        assert 0 <= seconds <= 30
        assert seconds >= min(30, 1) * (1 - jitter) - 1e-9


def test_custom_waits_are_taken_in_turn() -> None:
    strategy = CustomRetry(waits=(1, 5))
    assert [retry.wait(strategy, n, lambda: 0.0) for n in (1, 2, 3)] == [1, 5, None]
    assert retry.attempts(strategy) == 3
    assert retry.attempts(None) == 1
    assert NOW + timedelta(0) == NOW
