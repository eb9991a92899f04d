"""Spans of runs and attempts, made from what the journal says once it stands, under the ids that stand in it.

So the trace that a collector shows and the one on the run's page are the same, also after a crash. Nothing is made when no
collector is set: the ids are in the journal anyway.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from executor.application.engine import Active
from executor.domain.events import Event

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Spans:
    """Told by the engine of what has been written."""

    def __init__(self) -> None:
        provider = trace.get_tracer_provider()
        self._provider = provider if isinstance(provider, TracerProvider) else None

    def written(self, active: Active, events: Sequence[Event]) -> None:
        """Hand the spans that have ended to the exporter."""
        state = active.run.state
        if self._provider is None or state.trace_id is None:
            return
        for event in events:
            kind = event["event"]
            if kind == "run.finished":
                self._run(active, event)
            elif kind == "attempt.failed":
                self._attempt(active, event, event["started_at"], event["failure"]["message"])
            elif kind == "component.finished" and event["status"] in {"succeeded", "cancelled"} and event.get("span_id"):
                self._attempt(active, event, event["started_at"], "" if event["status"] == "succeeded" else event.get("message", ""))

    def _run(self, active: Active, event: Event) -> None:
        state = active.run.state
        bad = event["status"] != "succeeded"
        named = {"flowtower.run": state.run_id, "flowtower.workflow": event["workflow"], "flowtower.version": event["version"]}
        problem = f"the run {event['status']}" if bad else ""
        ids, times = (state.span_id, state.parent_span_id), (event["started_at"], event["at"])
        self._end(active, f"run {event['workflow']}", ids=ids, times=times, problem=problem, named=named)

    def _attempt(self, active: Active, event: Event, started: str, problem: str) -> None:
        state = active.run.state
        component = active.plan.graph.components[event["component"]]
        named = {
            "flowtower.run": state.run_id,
            "flowtower.component": component.name,
            "flowtower.kind": component.kind,
            "flowtower.generation": event["generation"],
            "flowtower.attempt": event["attempt"],
        }
        ids, times = (event["span_id"], state.span_id), (started, event["at"])
        self._end(active, f"{component.kind} {component.name}", ids=ids, times=times, problem=problem, named=named)

    def _end(
        self,
        active: Active,
        name: str,
        *,
        ids: tuple[str | None, str | None],
        times: tuple[str, str],
        problem: str,
        named: dict[str, Any],
    ) -> None:
        own, parent = ids
        if own is None or self._provider is None:
            return
        span = ReadableSpan(
            name=name,
            context=self._context(active, own, remote=False),
            parent=None if parent is None else self._context(active, parent, remote=True),
            resource=self._provider.resource,
            attributes=named,
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, problem[:500]) if problem else Status(StatusCode.OK),
            start_time=_nanoseconds(times[0]),
            end_time=_nanoseconds(times[1]),
        )
        # The API only makes spans with ids of its own; ours exist already, so they go to the processors directly.
        self._provider._active_span_processor.on_end(span)  # noqa: SLF001

    @staticmethod
    def _context(active: Active, span_id: str, *, remote: bool) -> SpanContext:
        return SpanContext(int(active.run.state.trace_id or "0", 16), int(span_id, 16), is_remote=remote, trace_flags=_SAMPLED)


def _nanoseconds(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp() * 1_000_000) * 1000
