"""What programs outside Flowtower asked of runs over Kafka: put into the audit from the outcomes that it led to.

What people asked here stands in the audit since they asked. An outcome that answers no such entry was asked from outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Integer, Text

from gateway.adapters.ledger import write_audit
from gateway.application.commands.bulk import MARK
from gateway.application.definitions import Entry
from gateway.application.projections.run_state import RunState
from shared.contracts.runs import RunEvent, RunFinished, RunPaused, RunReopened, RunResumed

_ASKED = {RunReopened: "run.retry", RunPaused: "run.pause", RunResumed: "run.resume"}
_BY_A_CANCEL = "It is cancelled."
"""Reason with which the executor lets a paused run go on because it ends."""

# An entry says how far the run was known when it was asked. It is answered by the first such event behind that, by the same asker.
_OURS = text(
    """
    SELECT told.nr FROM unnest(:runs, :seqs, :actions, :events, :askers) WITH ORDINALITY AS told (run_id, seq, action, event, asker, nr)
    WHERE EXISTS (
        SELECT FROM audit AS entry, LATERAL (SELECT coalesce((entry.before ->> 'seq')::int, 0) AS seq) AS known
        WHERE entry.subject_id = told.run_id AND entry.action = told.action AND known.seq < told.seq
          AND entry.who = split_part(told.asker, :mark, 1)
          AND NOT EXISTS (
              SELECT FROM run_events AS earlier
              WHERE earlier.run_id = told.run_id AND earlier.seq > known.seq AND earlier.seq < told.seq
                AND earlier.event = told.event AND earlier.body ->> 'requested_by' = told.asker
          )
    )
    """
).bindparams(
    bindparam("runs", type_=ARRAY(Text)),
    bindparam("seqs", type_=ARRAY(Integer)),
    bindparam("actions", type_=ARRAY(Text)),
    bindparam("events", type_=ARRAY(Text)),
    bindparam("askers", type_=ARRAY(Text)),
)
# A run also ends as cancelled when it was retried and some of it stays cancelled. A cancel ends what had not ended.
_CANCELLED = text(
    """
    SELECT EXISTS (
        SELECT FROM run_events WHERE run_id = :run_id AND seq < :seq AND event = 'component.finished' AND body ->> 'status' = 'cancelled'
          AND seq > coalesce((SELECT max(seq) FROM run_events WHERE run_id = :run_id AND seq < :seq AND event = 'run.reopened'), 0)
    )
    """
)


@dataclass(frozen=True)
class Told:
    """An outcome that somebody asked for, with the run before and after it."""

    event: RunEvent
    workflow: str
    before: dict[str, Any]
    after: dict[str, Any]


def stands(state: RunState) -> dict[str, Any]:
    """Return how a run stands, as the audit keeps it."""
    components = {name: part["status"] for name, part in state.components.items()}
    return {"status": state.row["status"], "seq": state.seq, "version": state.row["version"], "components": components}


def may_be_asked(state: RunState, event: RunEvent) -> bool:
    """Return whether somebody asked for what this event tells, as far as it and the run before it say."""
    if isinstance(event, RunFinished):
        return event.status == "cancelled" and state.row["cancel_asked_at"] is None
    if isinstance(event, RunResumed) and event.reason == _BY_A_CANCEL and not event.requested_by:
        return False
    return isinstance(event, RunReopened | RunPaused | RunResumed)


async def note_outside(session: AsyncSession, told: Sequence[Told]) -> None:
    """Write an entry for each outcome that nobody asked for here. The events themselves stand in the read model already."""
    ours = await _ours(session, [one for one in told if not isinstance(one.event, RunFinished)])
    for one in told:
        event = one.event
        if one in ours:
            continue
        if isinstance(event, RunFinished) and not (await session.execute(_CANCELLED, {"run_id": event.run_id, "seq": event.seq})).scalar():
            continue
        who = getattr(event, "requested_by", "") or "a program"
        action = "run.cancelled" if isinstance(event, RunFinished) else event.event
        reason = event.message if isinstance(event, RunFinished) else getattr(event, "reason", "")
        after = {**one.after, "outside": True} | ({"again": event.again} if isinstance(event, RunReopened) else {})
        await write_audit(
            session, Entry(who, action, "run", event.run_id, one.workflow, before=one.before, after=after, reason=reason, at=event.at)
        )


async def _ours(session: AsyncSession, told: list[Told]) -> list[Told]:
    if not told:
        return []
    given = {
        "runs": [one.event.run_id for one in told],
        "seqs": [one.event.seq for one in told],
        "actions": [_ASKED[type(one.event)] for one in told],
        "events": [one.event.event for one in told],
        "askers": [getattr(one.event, "requested_by", "") for one in told],
    }
    return [told[nr - 1] for nr in (await session.execute(_OURS, {**given, "mark": MARK})).scalars()]
