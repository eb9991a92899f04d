"""What the events of a run say about it. Pure: the same events in the same order give the same state, however often."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.runs import (
    AttemptFailed,
    AttemptProgressed,
    AttemptStarted,
    CommandRefused,
    ComponentFinished,
    RunEvent,
    RunFinished,
    RunReopened,
    RunStarted,
)

ENDED = frozenset({"succeeded", "failed", "cancelled", "refused"})


@dataclass
class RunState:
    """A run as it is known, with what this batch changed. Component and attempt columns are plain dictionaries."""

    run_id: str
    row: dict[str, Any]
    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    attempts: dict[tuple[str, int, int], dict[str, Any]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    new: bool = False
    """Whether no row of it stands yet."""
    declared: Callable[[str, int], Iterable[str]] = lambda _workflow, _version: ()
    """Names of the components of a workflow's version."""

    @property
    def seq(self) -> int:
        """Number of the last event that is in it."""
        return int(self.row["seq"])


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
        "trace_id": None,
        "span_id": None,
        "parent_span_id": None,
        "asked_at": event.at,
        "started_at": None,
        "finished_at": None,
        "message": "",
        "seq": 0,
        "gaps": 0,
        "cancel_asked_at": None,
        "updated_at": event.at,
    }
    return RunState(run_id, row, new=True)


def component(name: str, generation: int = 1) -> dict[str, Any]:
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
        "message": "",
        "host": "",
        "span_id": None,
    }


def fold(state: RunState, event: RunEvent) -> bool:
    """Take in one event. An event that is in it already changes nothing and returns False."""
    if event.seq <= state.seq:
        return False
    state.row["gaps"] += event.seq - state.seq - 1
    state.row["seq"] = event.seq
    state.row["updated_at"] = event.at
    _TAKERS[type(event)](state, event)
    if state.row["status"] not in ENDED:
        state.row["status"] = _moving(state)
    return True


def _moving(state: RunState) -> str:
    """Nothing moves until a planned attempt: then the run waits."""
    statuses = {item["status"] for item in state.components.values()}
    if "retrying" in statuses and "running" not in statuses:
        return "waiting"
    return "asked" if state.row["started_at"] is None else "running"


def _component(state: RunState, name: str, generation: int) -> dict[str, Any]:
    held = state.components.get(name)
    if held is None or held["generation"] < generation:
        held = component(name, generation)
        state.components[name] = held
    state.touched.add(name)
    return held


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
            "host": "",
            "span_id": None,
        }
    return state.attempts[key]


def _plain(model: Any) -> Any:
    return None if model is None else model.model_dump(mode="json")


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
        started_at=event.at,
        status="running",
    )
    for name in state.declared(event.workflow_id, event.version):
        _component(state, name, 1)


def _attempt_started(state: RunState, event: AttemptStarted) -> None:
    held = _component(state, event.component, event.generation)
    held.update(
        status="running",
        attempt=event.attempt,
        started_at=held["started_at"] or event.at,
        finished_at=None,
        next_attempt_at=None,
        host=event.host,
        span_id=event.span_id,
    )
    _attempt(state, event).update(status="running", started_at=event.at, host=event.host, span_id=event.span_id)


def _attempt_progressed(state: RunState, event: AttemptProgressed) -> None:
    held = _component(state, event.component, event.generation)
    held.update(message=event.message or held["message"])
    if event.transfer is not None:
        held.update(transfer=_plain(event.transfer))
        _attempt(state, event).update(transfer=_plain(event.transfer))


def _attempt_failed(state: RunState, event: AttemptFailed) -> None:
    failure, transfer = _plain(event.failure), _plain(event.transfer)
    held = _component(state, event.component, event.generation)
    held.update(
        status="retrying" if event.next_attempt_at else "running",
        attempt=event.attempt,
        attempts=event.attempts,
        failure=failure,
        next_attempt_at=event.next_attempt_at,
        started_at=held["started_at"] or event.started_at,
    )
    if transfer is not None:
        held["transfer"] = transfer
    _attempt(state, event).update(
        status="failed",
        started_at=event.started_at,
        finished_at=event.at,
        next_attempt_at=event.next_attempt_at,
        failure=failure,
        transfer=transfer,
        host=event.host,
        span_id=event.span_id,
    )


def _component_finished(state: RunState, event: ComponentFinished) -> None:
    held = _component(state, event.component, event.generation)
    failure, transfer = _plain(event.failure), _plain(event.transfer)
    held.update(
        status=event.status,
        started_at=event.started_at or held["started_at"],
        finished_at=event.at,
        next_attempt_at=None,
        output=event.output,
        failure=failure or (held["failure"] if event.status == "failed" else None),
        message=event.message,
    )
    if transfer is not None:
        held["transfer"] = transfer
    if event.status == "upstream_failed" or (event.status == "cancelled" and held["attempt"] == 0):
        return
    held["attempt"] = event.attempt
    key = (event.component, event.generation, event.attempt)
    attempt = _attempt(state, event)
    if event.status == "failed" and key in state.attempts and attempt["status"] == "failed":
        return
    attempt.update(status=event.status, finished_at=event.at, failure=failure, transfer=transfer or attempt["transfer"])
    attempt["started_at"] = attempt["started_at"] or event.started_at
    attempt["host"] = event.host or attempt["host"]
    attempt["span_id"] = event.span_id or attempt["span_id"]


def _run_finished(state: RunState, event: RunFinished) -> None:
    state.row.update(status=event.status, finished_at=event.at, started_at=event.started_at, message=event.message)
    state.row.update(workflow=event.workflow, version=event.version)


def _run_reopened(state: RunState, event: RunReopened) -> None:
    for name, generation in event.again.items():
        _component(state, name, generation)
    state.row.update(status="running", finished_at=None, message="", cancel_asked_at=None)


def _command_refused(state: RunState, event: CommandRefused) -> None:
    if event.command == "start" and state.row["started_at"] is None:
        state.row.update(status="refused", finished_at=event.at, message=event.reason, workflow=event.workflow or state.row["workflow"])
        state.row["requested_by"] = event.requested_by or state.row["requested_by"]
    elif event.command == "cancel":
        state.row["cancel_asked_at"] = None


_TAKERS: dict[type, Callable[[RunState, Any], None]] = {
    RunStarted: _run_started,
    AttemptStarted: _attempt_started,
    AttemptProgressed: _attempt_progressed,
    AttemptFailed: _attempt_failed,
    ComponentFinished: _component_finished,
    RunFinished: _run_finished,
    RunReopened: _run_reopened,
    CommandRefused: _command_refused,
}
