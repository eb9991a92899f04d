"""What the events of a run say about it. Pure: the same events in the same order give the same state, however often."""

from collections.abc import Callable
from typing import Any, TypeGuard

from gateway.application.projections.run_parts import (
    attempt_failed,
    attempt_held,
    attempt_progressed,
    attempt_started,
    component_finished,
    component_of,
)
from gateway.application.projections.run_state import RunState
from shared.contracts.runs import (
    AttemptFailed,
    AttemptHeld,
    AttemptProgressed,
    AttemptStarted,
    CommandRefused,
    ComponentFinished,
    RunEvent,
    RunFinished,
    RunPaused,
    RunReleased,
    RunReopened,
    RunResumed,
    RunStarted,
)

ENDED = frozenset({"succeeded", "failed", "cancelled", "refused"})


def fresh(run_id: str, event: Any) -> RunState:
    """Return the state before the first event of a run that nobody asked this gateway for."""
    row = {
        "run_id": run_id,
        "workflow_id": event.workflow_id,
        "workflow": getattr(event, "workflow", ""),
        "version": None,
        "status": "asked",
        "inputs": {},
        "requested_by": "",
        "trigger": "",
        "trigger_kind": "",
        "trace_id": None,
        "span_id": None,
        "parent_span_id": None,
        "business_key": None,
        "priority": 5,
        "deadline_at": None,
        "queued": False,
        "queued_for": "",
        "paused_at": None,
        "paused_by": "",
        "pause_reason": "",
        "asked_at": event.at,
        "started_at": None,
        "finished_at": None,
        "message": "",
        "seq": 0,
        "gaps": 0,
        "refusal": None,
        "cancel_asked_at": None,
        "updated_at": event.at,
    }
    return RunState(run_id, row, new=True)


def fold(state: RunState, event: RunEvent) -> bool:
    """Take in one event. An event that is in it already changes nothing and returns False; one of an unknown kind only counts."""
    if stands_beside(event):
        return _beside(state, event)
    if event.seq <= state.seq:
        return False
    state.row["gaps"] += event.seq - state.seq - 1
    state.row["seq"] = event.seq
    state.row["updated_at"] = event.at
    taker = _TAKERS.get(type(event))
    if taker is not None:
        taker(state, event)
    if state.row["status"] not in ENDED:
        state.row["status"] = _moving(state)
    return True


def stands_beside(event: RunEvent) -> TypeGuard[CommandRefused]:
    """Return whether this is a refusal by an executor that has no such run: it is no part of a journal, whose first event is a start."""
    return isinstance(event, CommandRefused) and event.seq == 1 and event.command != "start"


def _beside(state: RunState, event: CommandRefused) -> bool:
    """Note a refusal that has no number in the run's order. What is not newer than what is known came before."""
    told = _refusal(event, gone=state.seq > 0)
    if state.unknown or told == state.row["refusal"] or (state.seq and event.at <= state.row["updated_at"]):
        return False
    state.row.update(refusal=told, updated_at=event.at)
    if event.command == "cancel":
        state.row["cancel_asked_at"] = None
    return True


def _refusal(event: CommandRefused, *, gone: bool) -> dict[str, Any]:
    """Return a refusal as the run shows it. ``gone``: the executor has forgotten the run."""
    at = event.at.isoformat()
    return {"at": at, "command": event.command, "reason": event.reason, "requested_by": event.requested_by, "gone": gone}


def _moving(state: RunState) -> str:
    """Return how a run that has not ended stands: what a person asked for comes first, then what moves, then what it waits for."""
    if state.row["started_at"] is None:
        return "asked"
    if state.row["paused_at"] is not None:
        return "paused"
    if state.row["queued"]:
        return "queued"
    statuses = {item["status"] for item in state.components.values()}
    if "running" in statuses:
        return "running"
    if "retrying" in statuses:
        return "waiting"
    return "parked" if "parked" in statuses else "running"


def _run_started(state: RunState, event: RunStarted) -> None:
    state.row.update(
        workflow_id=event.workflow_id,
        workflow=event.workflow,
        version=event.version,
        inputs=event.inputs,
        requested_by=event.requested_by or state.row["requested_by"],
        trigger=state.row["trigger"] or event.trigger,
        trace_id=event.trace_id or state.row["trace_id"],
        span_id=event.span_id,
        parent_span_id=event.parent_span_id or state.row["parent_span_id"],
        business_key=event.business_key,
        priority=event.priority,
        deadline_at=event.deadline_at,
        queued=event.queued,
        queued_for=event.queued_for or "",
        started_at=event.at,
        status="running",
    )
    state.row["trigger_kind"] = state.row["trigger"].partition(":")[0]
    state.renamed = True
    for name in state.declared(event.workflow_id, event.version):
        component_of(state, name, 1)


def _run_released(state: RunState, _event: RunReleased) -> None:
    state.row.update(queued=False, queued_for="")


def _run_paused(state: RunState, event: RunPaused) -> None:
    state.row.update(paused_at=event.at, paused_by=event.requested_by, pause_reason=event.reason, refusal=None)


def _run_resumed(state: RunState, _event: RunResumed) -> None:
    state.row.update(paused_at=None, paused_by="", pause_reason="", refusal=None)


def _run_finished(state: RunState, event: RunFinished) -> None:
    state.row.update(status=event.status, finished_at=event.at, started_at=event.started_at, message=event.message, refusal=None)
    state.row.update(workflow=event.workflow, version=event.version, queued=False, queued_for="")
    state.row.update(paused_at=None, paused_by="", pause_reason="")


def _run_reopened(state: RunState, event: RunReopened) -> None:
    for name, generation in event.again.items():
        component_of(state, name, generation)
    if event.version is not None:
        state.row["version"] = event.version
        state.gone |= state.components.keys() - event.again.keys() - set(event.stays)
        for name in state.gone:
            state.components.pop(name, None)
            state.touched.discard(name)
    if event.inputs is not None:
        state.row["inputs"] = event.inputs
        state.renamed = True
    # Counted anew, or none: a version without a time limit, and compensations, have no end to keep.
    state.row["deadline_at"] = event.deadline_at
    state.row.update(status="running", finished_at=None, message="", cancel_asked_at=None, refusal=None)
    state.row.update(queued=event.queued, queued_for=event.queued_for or "")


def _command_refused(state: RunState, event: CommandRefused) -> None:
    if event.command == "start" and state.row["started_at"] is None:
        state.row.update(status="refused", finished_at=event.at, message=event.reason, workflow=event.workflow or state.row["workflow"])
        state.row["requested_by"] = event.requested_by or state.row["requested_by"]
        return
    state.row["refusal"] = _refusal(event, gone=False)
    if event.command == "cancel":
        state.row["cancel_asked_at"] = None


_TAKERS: dict[type, Callable[[RunState, Any], None]] = {
    RunStarted: _run_started,
    RunReleased: _run_released,
    RunPaused: _run_paused,
    RunResumed: _run_resumed,
    AttemptStarted: attempt_started,
    AttemptHeld: attempt_held,
    AttemptProgressed: attempt_progressed,
    AttemptFailed: attempt_failed,
    ComponentFinished: component_finished,
    RunFinished: _run_finished,
    RunReopened: _run_reopened,
    CommandRefused: _command_refused,
}
