"""Spans carry the ids of the journal, so that a collector and the run's page show the same trace."""

from typing import Any

import pytest

from executor.adapters import spans
from executor.application.engine import Active
from executor.application.registries import Plan, Published
from executor.domain.graph import Graph
from executor.domain.journal import State
from executor.domain.run import Failure, Run, Trace
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition
from shared.runtime.clock import now


def test_a_run_and_its_attempts_make_one_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(spans, "record_span", lambda name, **told: made.append({"name": name} | told))
    components = (Component(name="A", kind="kafka"), Component(name="B", kind="mq", retry=FixedRetry(every=1, attempts=2)))
    joined = (Connection(source="A", target="B", kind="kafka-to-mq"),)
    definition = WorkflowDefinition(workflow="w", components=components, connections=joined)
    graph = Graph(definition)
    ids = iter(f"{number:016x}" for number in range(1, 100))
    run = Run(graph, State("r", "w1", graph.components), host="h", spans=lambda: next(ids), jitter=lambda: 0.0)
    active = Active(Plan(Published("w1", 1, definition, retired=False), graph, {}), run, 0)
    boom = Failure("QueueNotFound", "Queue “q” does not exist.", retryable=True)
    trace = Trace("a" * 32, "b" * 16, "c" * 16)
    events = run.start(now(), version=1, inputs={}, requested_by="", trigger="api", trace=trace)
    events += run.succeed(now(), "A", output={})
    events += run.fail(now(), "B", boom)
    events += run.wake(now(), "B")
    events += run.fail(now(), "B", boom)
    for event in events:
        if event["event"] in spans.ENDS:
            spans.export_span(active, event)
    journalled = [event["span_id"] for event in events if event["event"] == "attempt.started"]
    assert [span["span_id"] for span in made] == [*journalled, "b" * 16]
    assert {span["trace_id"] for span in made} == {"a" * 32}
    assert [span["parent_id"] for span in made] == ["b" * 16] * 3 + ["c" * 16]
    assert [span["failed"] for span in made] == [None, "QueueNotFound", "QueueNotFound", "failed"]
