"""Runs that wait for their turn while people steer them."""

from datetime import UTC, datetime
from typing import Any

from executor.domain.events import decode, encode
from executor.domain.graph import Graph
from executor.domain.journal import State, fold
from executor.domain.run import Failure, Run, Trace
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOOM = Failure("Boom", "It went wrong.", retryable=True)


def a_run(state: State | None = None) -> Run:
    """Return A → B, where A can be undone, and C beside them."""
    components = (
        *(Component(name=name, kind="trivial") for name in "ABC"),
        Component(name="UndoA", kind="trivial", compensates="A", retry=FixedRetry(every=5)),
    )
    connection = Connection(source="A", target="B", kind="processing")
    graph = Graph(WorkflowDefinition(workflow="w", components=components, connections=(connection,), concurrency=1))
    return Run(graph, state or State("r", "w1", graph.order), host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [f"{e['event']} {e.get('component', '')}".strip() for e in events]


def queued_again() -> tuple[Run, list[dict[str, Any]]]:
    """Return a run that had ended and whose B was retried, with its events: it is queued."""
    run = a_run()
    trace = Trace("a" * 32, "b" * 16)
    events = run.start(NOW, version=1, inputs={}, requested_by="t", trigger="api", trace=trace)
    events += run.succeed(NOW, "A", output={})
    events += run.succeed(NOW, "C", output={})
    events += run.fail(NOW, "B", BOOM)
    events += run.retry(NOW, ["B"], scope="only", requested_by="t", queued="workflow")
    assert run.state.standing == "queued"
    return run, events


def test_a_queued_run_that_is_cancelled_undoes_what_it_did_to_the_end() -> None:
    run, events = queued_again()
    cancelled = run.cancel(NOW, reason="wrong day", transfers={})
    assert kinds(cancelled) == ["run.released", "component.finished B", "attempt.started UndoA"]
    assert run.state.standing == "running"
    planned = run.fail(NOW, "UndoA", BOOM)
    assert kinds(run.wake(NOW, "UndoA")) == ["attempt.started UndoA"], "its next attempt is made"
    events += cancelled + planned
    lost = a_run(fold("r", "w1", run.graph.order, [decode(encode(event)) for event in events]))
    events += lost.wake(NOW, "UndoA")
    assert kinds(lost.resume(NOW)) == ["attempt.failed UndoA", "attempt.started UndoA"], "and so is one whose executor is gone"
    assert lost.succeed(NOW, "UndoA", output={})[-1]["status"] == "cancelled"


def test_a_queued_run_that_has_nothing_to_undo_ends_at_once() -> None:
    run = a_run()
    trace = Trace("a" * 32, "b" * 16)
    run.start(NOW, version=1, inputs={}, requested_by="t", trigger="api", trace=trace, queued="workflow")
    ended = run.cancel(NOW, reason="", transfers={})
    assert kinds(ended) == [*(f"component.finished {name}" for name in run.graph.order), "run.finished"]


def test_a_second_retry_does_not_pass_the_queue_by() -> None:
    run, _ = queued_again()
    again = run.retry(NOW, ["C"], scope="only", requested_by="t")
    assert kinds(again) == ["run.reopened"]
    assert (again[0]["queued"], again[0]["queued_for"]) == (True, "workflow")
    assert kinds(run.release(NOW)) == ["run.released", "attempt.started C", "attempt.started B"]
