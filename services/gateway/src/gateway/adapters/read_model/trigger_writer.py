"""Writes how triggers stand and what they did."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.ledger import write_changes
from gateway.adapters.tables import TriggerFiring, TriggerState
from shared.contracts.runs import RunEvent, RunStarted
from shared.contracts.triggers import TriggerEvent, TriggerFired, TriggerStanding

KEPT = 200
EVENT = "event"
_ADDED_UP = frozenset({"filtered", "paused"})

_FORGET = text(
    """
    DELETE FROM trigger_firings WHERE workflow_id = :workflow_id AND trigger = :trigger AND id <= (
        SELECT id FROM trigger_firings WHERE workflow_id = :workflow_id AND trigger = :trigger ORDER BY id DESC OFFSET :kept LIMIT 1
    )
    """
)


async def write_trigger_events(session: AsyncSession, events: Sequence[TriggerEvent]) -> None:
    """Take in what became of triggers; an older standing changes nothing."""
    fired = [event for event in events if isinstance(event, TriggerFired)]
    for event in events:
        if isinstance(event, TriggerStanding):
            await _standing(session, event)
    await _firings(session, fired)
    await write_changes(session, [("trigger", event.workflow_id) for event in events])


async def write_event_starts(session: AsyncSession, events: Iterable[RunEvent]) -> list[tuple[str, str]]:
    """Count runs that messages from outside began as firings of the event trigger; return what changed."""
    fired = [
        TriggerFired(
            workflow_id=event.workflow_id,
            workflow=event.workflow,
            trigger=EVENT,
            kind="event",
            at=event.at,
            firing_id=event.run_id,
            run_id=event.run_id,
            result="started",
        )
        for event in events
        if isinstance(event, RunStarted) and event.trigger == EVENT
    ]
    await _firings(session, fired)
    return [("trigger", event.workflow_id) for event in fired]


async def _standing(session: AsyncSession, event: TriggerStanding) -> None:
    values = event.model_dump(include={"workflow_id", "trigger", "kind", "version", "paused", "next_at", "trouble", "gone", "at"})
    statement = insert(TriggerState).values(values)
    changed = {name: getattr(statement.excluded, name) for name in values if name not in ("workflow_id", "trigger")}
    newer = statement.excluded.at >= TriggerState.at
    await session.execute(statement.on_conflict_do_update(index_elements=["workflow_id", "trigger"], set_=changed, where=newer))


async def _firings(session: AsyncSession, fired: Sequence[TriggerFired]) -> None:
    by_trigger: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in fired:
        values = event.model_dump(
            include={"workflow_id", "trigger", "firing_id", "run_id", "result", "reason", "count", "planned_at", "at"}
        )
        found = by_trigger.setdefault((event.workflow_id, event.trigger), [])
        if found and _adds_up(found[-1]["result"], event):
            found[-1].update(count=found[-1]["count"] + event.count, at=event.at, firing_id=event.firing_id)
        else:
            found.append(values)
    for (workflow_id, trigger), rows in sorted(by_trigger.items()):
        if await _added(session, workflow_id, trigger, rows[0]):
            rows = rows[1:]  # noqa: PLW2901 - it stands in the row before it
        if rows:
            await session.execute(insert(TriggerFiring), rows[-KEPT:])
            await session.execute(_FORGET, {"workflow_id": workflow_id, "trigger": trigger, "kept": KEPT})


def _adds_up(result: str, event: TriggerFired) -> bool:
    return result in _ADDED_UP and event.result == result


async def _added(session: AsyncSession, workflow_id: str, trigger: str, first: dict[str, Any]) -> bool:
    """Add what passed without a run to the newest row if that says the same, so that it does not push out what did fire."""
    if first["result"] not in _ADDED_UP:
        return False
    query = (
        select(TriggerFiring)
        .where(TriggerFiring.workflow_id == workflow_id, TriggerFiring.trigger == trigger)  # type: ignore[arg-type]
        .order_by(TriggerFiring.id.desc())  # type: ignore[union-attr]
        .limit(1)
        .with_for_update()
    )
    newest = (await session.execute(query)).scalar_one_or_none()
    if newest is None or newest.result != first["result"]:
        return False
    newest.count, newest.at, newest.firing_id = newest.count + first["count"], first["at"], first["firing_id"]
    await session.flush()
    return True
