"""Spans carry the ids of the journal, so that a collector and the run's page show the same trace."""

from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from executor.adapters.spans import Spans
from executor.application.engine import Active
from executor.application.registries import Plan, Published
from executor.domain.graph import Graph
from executor.domain.journal import State
from executor.domain.run import Failure, Run, Trace
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition
from shared.runtime.clock import now


def test_a_run_and_its_attempts_make_one_trace() -> None:
    components = (Component(name="A", kind="kafka"), Component(name="B", kind="mq", retry=FixedRetry(every=1, attempts=2)))
    definition = WorkflowDefinition(
        workflow="w", components=components, connections=(Connection(source="A", target="B", kind="kafka-to-mq"),)
    )
    graph = Graph(definition)
    ids = iter(f"{number:016x}" for number in range(1, 100))
    run = Run(graph, State("r", "w1", graph.components), host="h", spans=lambda: next(ids), jitter=lambda: 0.0)
    active = Active(Plan(Published("w1", 1, definition, retired=False), graph, {}), run, 0)
    exporter, provider, spans = InMemorySpanExporter(), TracerProvider(), Spans()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans._provider = provider
    events: list[dict[str, Any]] = run.start(
        now(), version=1, inputs={}, requested_by="", trigger="api", trace=Trace("a" * 32, "b" * 16, "c" * 16)
    )
    events += run.succeed(now(), "A", output={})
    events += run.fail(now(), "B", Failure("QueueNotFound", "Queue “q” does not exist.", retryable=True))
    events += run.wake(now(), "B")
    events += run.succeed(now(), "B", output={})
    spans.written(active, events)
    made = exporter.get_finished_spans()
    assert [span.name for span in made] == ["kafka A", "mq B", "mq B", "run w"]
    assert {f"{span.context.trace_id:032x}" for span in made} == {"a" * 32}
    journalled = [event["span_id"] for event in events if event["event"] == "attempt.started"]
    assert [f"{span.context.span_id:016x}" for span in made] == [*journalled, "b" * 16]
    assert [f"{span.parent.span_id:016x}" for span in made] == ["b" * 16] * 3 + ["c" * 16]
    assert [span.status.is_ok for span in made] == [True, False, True, True]
