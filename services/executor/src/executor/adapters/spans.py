"""A run as spans for any OpenTelemetry collector: one for the run, and below it one for each attempt.

Their ids stand in the journal already, where the run's page reads them; here they are sent out once they are over.
"""

import random
from datetime import datetime

from executor.application.engine import Active
from executor.domain.events import Event
from executor.domain.journal import State
from shared.runtime.tracing import record_span

ENDS = ("attempt.failed", "component.finished", "run.finished")
"""The events that end a span."""


def export_span(active: Active, event: Event) -> None:
    """Record the span that an event ends. For `Engine.watch`."""
    state = active.run.state
    if state.trace_id is None or state.span_id is None:
        return
    if event["event"] == "run.finished":
        _run(state, event)
    elif event["event"] == "component.finished" and event["status"] == "failed":
        return  # its last attempt has been told by attempt.failed
    elif event.get("started_at") and event.get("span_id"):
        _attempt(active, event)


def _run(state: State, event: Event) -> None:
    assert state.trace_id is not None  # noqa: S101 - it was looked at
    again = any(part.generation > 1 for part in state.components.values())
    record_span(
        f"run {state.workflow}",
        trace_id=state.trace_id,
        # A run that was reopened ends twice; its second end is a span of its own below the first.
        span_id=f"{random.getrandbits(64) or 1:016x}" if again or state.span_id is None else state.span_id,
        parent_id=state.span_id if again else state.parent_span_id,
        began=datetime.fromisoformat(event["started_at"]),
        ended=datetime.fromisoformat(event["at"]),
        attributes={"flowtower.run": state.run_id, "flowtower.workflow": state.workflow, "flowtower.version": state.version},
        failed=None if event["status"] == "succeeded" else str(event["status"]),
    )


def _attempt(active: Active, event: Event) -> None:
    state, name = active.run.state, event["component"]
    assert state.trace_id is not None  # noqa: S101 - it was looked at
    failure = event.get("failure") or {}
    record_span(
        f"attempt {name}",
        trace_id=state.trace_id,
        span_id=event["span_id"],
        parent_id=state.span_id,
        began=datetime.fromisoformat(event["started_at"]),
        ended=datetime.fromisoformat(event["at"]),
        attributes={
            "flowtower.run": state.run_id,
            "flowtower.component": name,
            "flowtower.generation": event["generation"],
            "flowtower.attempt": event["attempt"],
        },
        failed=None if event.get("status") == "succeeded" else str(failure.get("code", event.get("status", "failed"))),
    )
