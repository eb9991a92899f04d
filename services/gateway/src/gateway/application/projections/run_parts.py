"""What events say about the components and attempts of a run. Pure; rows are plain dictionaries."""

from typing import Any

from gateway.application.projections.run_state import RunState
from shared.contracts.runs import AttemptFailed, AttemptHeld, AttemptProgressed, AttemptStarted, ComponentFinished

MOST_HOLDS = 50
"""Holds that are kept of one attempt; the newest stay."""


def component_row(name: str, generation: int = 1) -> dict[str, Any]:
    """Return a component that waits for what comes before it."""
    return {
        "component": name,
        "generation": generation,
        "attempt": 0,
        "attempts": None,
        "status": "pending",
        "started_at": None,
        "finished_at": None,
        "next_attempt_at": None,
        "transfer": None,
        "failure": None,
        "output": {},
        "held": None,
        "decision": None,
        "why": "",
        "message": "",
        "host": "",
        "span_id": None,
    }


def component_of(state: RunState, name: str, generation: int) -> dict[str, Any]:
    """Return the row of a component; a greater generation begins it anew."""
    row = state.components.get(name)
    if row is None or row["generation"] < generation:
        row = component_row(name, generation)
        state.components[name] = row
    state.touched.add(name)
    return row


def _attempt(state: RunState, event: Any) -> dict[str, Any]:
    key = (event.component, event.generation, event.attempt)
    if key not in state.attempts:
        state.attempts[key] = {
            "component": event.component,
            "generation": event.generation,
            "attempt": event.attempt,
            "status": "running",
            "started_at": None,
            "finished_at": None,
            "next_attempt_at": None,
            "transfer": None,
            "failure": None,
            "decision": None,
            "why": "",
            "holds": [],
            "host": "",
            "span_id": None,
        }
    return state.attempts[key]


def plain(model: Any) -> Any:
    """Return a model as JSON, None as None."""
    return None if model is None else model.model_dump(mode="json")


def attempt_started(state: RunState, event: AttemptStarted) -> None:
    row = component_of(state, event.component, event.generation)
    row.update(
        status="running",
        attempt=event.attempt,
        started_at=row["started_at"] or event.at,
        finished_at=None,
        next_attempt_at=None,
        held=None,
        decision=None,
        why="",
        host=event.host,
        span_id=event.span_id,
    )
    _attempt(state, event).update(status="running", started_at=event.at, host=event.host, span_id=event.span_id)


def attempt_held(state: RunState, event: AttemptHeld) -> None:
    row, attempt = component_of(state, event.component, event.generation), _attempt(state, event)
    row["attempt"] = event.attempt
    if event.over:
        row["held"] = None
        if attempt["holds"]:
            attempt["holds"] = [*attempt["holds"][:-1], {**attempt["holds"][-1], "until": event.at.isoformat()}]
        return
    until = event.until.isoformat() if event.until else None
    hold = {"at": event.at.isoformat(), "limit": event.limit, "reason": event.reason, "until": until}
    row["held"] = hold
    attempt["holds"] = [*attempt["holds"], hold][-MOST_HOLDS:]


def attempt_progressed(state: RunState, event: AttemptProgressed) -> None:
    row = component_of(state, event.component, event.generation)
    row.update(message=event.message or row["message"], held=None)
    if event.transfer is not None:
        row["transfer"] = plain(event.transfer)
        _attempt(state, event)["transfer"] = plain(event.transfer)


def attempt_failed(state: RunState, event: AttemptFailed) -> None:
    failure, transfer = plain(event.failure), plain(event.transfer)
    row = component_of(state, event.component, event.generation)
    row.update(
        status="parked" if event.decision == "park" else "retrying" if event.next_attempt_at else "running",
        attempt=event.attempt,
        attempts=event.attempts,
        failure=failure,
        held=None,
        decision=event.decision,
        why=event.why,
        next_attempt_at=event.next_attempt_at,
        started_at=row["started_at"] or event.started_at,
    )
    if transfer is not None:
        row["transfer"] = transfer
    _attempt(state, event).update(
        status="failed",
        started_at=event.started_at,
        finished_at=event.at,
        next_attempt_at=event.next_attempt_at,
        failure=failure,
        decision=event.decision,
        why=event.why,
        transfer=transfer,
        host=event.host,
        span_id=event.span_id,
    )


def component_finished(state: RunState, event: ComponentFinished) -> None:
    row = component_of(state, event.component, event.generation)
    failure, transfer = plain(event.failure), plain(event.transfer)
    row.update(
        status=event.status,
        started_at=event.started_at or row["started_at"],
        finished_at=event.at,
        next_attempt_at=None,
        held=None,
        output=event.output,
        failure=failure or (row["failure"] if event.status == "failed" else None),
        message=event.message,
    )
    if transfer is not None:
        row["transfer"] = transfer
    if event.status in ("upstream_failed", "skipped") or (event.status == "cancelled" and row["attempt"] == 0):
        return
    row["attempt"] = event.attempt
    attempt = _attempt(state, event)
    if event.status == "failed" and attempt["status"] == "failed":
        return
    attempt.update(status=event.status, finished_at=event.at, failure=failure, transfer=transfer or attempt["transfer"])
    attempt["started_at"] = attempt["started_at"] or event.started_at
    attempt["host"] = event.host or attempt["host"]
    attempt["span_id"] = event.span_id or attempt["span_id"]
