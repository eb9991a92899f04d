"""Triggers as the API and the pages tell them: what is declared, joined with what executors say of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gateway.application.answers.triggers import FiringAnswer, State, TriggerAnswer
from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.ports.triggers import StandingRecord, TriggerReads

LAST = 20
_NOT_TOLD = "No executor has said how it stands since this version was published. Look whether the executor runs."


class Reads(TriggerReads, Protocol):
    async def workflow(self, workflow_id: str) -> WorkflowRecord | None: ...
    async def version(self, workflow_id: str, version: int) -> VersionRecord | None: ...


async def triggers_of(reads: Reads, workflow_id: str, *, last: int = LAST) -> tuple[TriggerAnswer, ...] | None:
    """Return the triggers of a workflow's newest version with their last firings; None when there is no such workflow."""
    workflow = await reads.workflow(workflow_id)
    newest = None if workflow is None else await reads.version(workflow_id, workflow.latest)
    if workflow is None or newest is None:
        return None
    if workflow.retired:
        return ()
    standings = await reads.standings(workflow_id)
    found = []
    for declared in newest.definition.get("triggers", ()):
        name = str(declared.get("name") or declared["kind"])
        firings = (await reads.firings(workflow_id, name, after=None, limit=last)).items if last else ()
        found.append(answer(declared, name, standings.get(name), firings, workflow.latest))
    return tuple(found)


def answer(
    declared: Mapping[str, Any], name: str, standing: StandingRecord | None, firings: Sequence[FiringAnswer], version: int
) -> TriggerAnswer:
    """Return a trigger as it is told."""
    known = standing is not None and standing.version >= version
    state = _state(declared, standing) if known else "unknown"
    return TriggerAnswer(
        name=name,
        kind=str(declared["kind"]),
        state=state,
        paused=None if standing is None else standing.paused,
        next_at=standing.next_at if standing is not None and known else None,
        trouble=standing.trouble if standing is not None and known else "",
        why_not=_why_not(state, standing, firings),
        told_at=None if standing is None else standing.at,
        version=None if standing is None else standing.version,
        listens_to=listens_to(declared),
        firings=tuple(firings),
    )


def listens_to(declared: Mapping[str, Any]) -> str:
    """Return in a few words what makes it fire."""
    kind = declared["kind"]
    if kind == "kafka":
        return f"{declared['topic']} on {declared['endpoint']}"
    if kind == "schedule":
        return f"{declared['cron']} in {declared.get('time_zone') or 'UTC'}"
    if kind == "dag":
        return f"{declared['dag_id']} on {declared['cluster']}: {' or '.join(declared.get('states') or ('success',))}"
    return "a message on runs.commands.v1"


def _state(declared: Mapping[str, Any], standing: StandingRecord | None) -> State:
    if standing is None:
        return "unknown"
    if standing.paused:
        return "paused"
    if declared["kind"] == "schedule" and standing.next_at is None:
        return "never"
    return "troubled" if standing.trouble else "active"


def _why_not(state: str, standing: StandingRecord | None, firings: Sequence[FiringAnswer]) -> str:
    if state == "unknown" or standing is None:
        return _NOT_TOLD
    if state == "paused":
        return "It is paused; what comes meanwhile starts nothing."
    if standing.trouble:
        return standing.trouble
    last = firings[0] if firings else None
    if last is not None and last.refused:
        return f"The last time its run was refused: {last.reason}"
    if last is None or last.result == "started":
        return ""
    many = f" ({last.count:,} times)" if last.count > 1 else ""
    return f"The last time it started nothing{many}: {last.reason}"
