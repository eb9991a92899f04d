"""What stands and what is told of triggers, inside one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from executor.adapters.figures import count_firings
from executor.application.triggers.ports import Prepared, TriggerRow
from executor.domain.triggers.firing import MOST_SHOWN, NotFired
from shared.contracts.topics import RUNS_COMMANDS, TRIGGERS_EVENTS
from shared.contracts.triggers import TriggerFired, TriggerStanding
from shared.contracts.workflows import Trigger
from shared.runtime import failpoints
from shared.runtime.delivery import Transaction

COLUMNS = "workflow_id, workflow, name, version, body::text AS body, paused, trouble, since, from_start, next_at, life"

_TYPE = f"flowtower.{RUNS_COMMANDS.name}.StartRun"
_TRIGGER: TypeAdapter[Any] = TypeAdapter(Trigger)

_FIRE = text(
    """
    INSERT INTO trigger_firings (workflow_id, trigger, kind, firing_id, run_id)
    SELECT :workflow_id, :trigger, :kind, firing_id, run_id FROM unnest(:ids, :runs) AS new (firing_id, run_id) ORDER BY firing_id
    ON CONFLICT DO NOTHING RETURNING firing_id
    """
).bindparams(
    bindparam("workflow_id", type_=Text),
    bindparam("trigger", type_=Text),
    bindparam("kind", type_=Text),
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("runs", type_=ARRAY(Text)),
)


def row_of(found: Any) -> TriggerRow:
    """Return the trigger that a row with ``COLUMNS`` holds."""
    return TriggerRow(
        found.workflow_id,
        found.workflow,
        found.name,
        found.version,
        _TRIGGER.validate_json(found.body),
        found.paused,
        found.trouble,
        found.since,
        found.from_start,
        found.next_at,
        found.life,
    )


async def now_of(transaction: Transaction) -> datetime:
    """Return the database's time."""
    found: datetime = (await transaction.session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return found


async def fire(
    transaction: Transaction,
    row: TriggerRow,
    prepared: Sequence[Prepared],
    told: Sequence[NotFired],
    at: datetime,
    *,
    reason: str = "",
) -> int:
    """Enter firings that are new, ask for their runs and tell all of it. The caller holds the trigger's row. Returns how many were new."""
    new: list[Prepared] = []
    if prepared and row.paused:
        last = prepared[-1].firing
        told = [*told, NotFired("paused", last.firing_id, "The trigger is paused.", len(prepared), last.planned_at)]
    elif prepared:
        values = {
            "workflow_id": row.workflow_id,
            "trigger": row.name,
            "kind": row.trigger.kind,
            "ids": [one.firing.firing_id for one in prepared],
            "runs": [one.run_id for one in prepared],
        }
        entered = set((await transaction.session.execute(_FIRE, values)).scalars())
        for one in prepared:
            # One batch may hold a firing twice: a DAG run that two observations tell of.
            if one.firing.firing_id in entered:
                entered.remove(one.firing.firing_id)
                new.append(one)
                _ask(transaction, one)
        await failpoints.reach("triggers.after_firings")
    _tell_started(transaction, row, new, at, reason)
    for passed in told:
        publish_fired(
            transaction,
            row,
            at,
            firing_id=passed.firing_id,
            result=passed.result,
            reason=passed.reason,
            count=passed.count,
            planned_at=passed.planned_at,
        )
    return len(new)


def _ask(transaction: Transaction, one: Prepared) -> None:
    event_id, trace = f"trigger:{one.run_id}", one.firing.traceparent
    transaction.publish_encoded(RUNS_COMMANDS, one.command, key=one.run_id, event_id=event_id, event_type=_TYPE, traceparent=trace)


def _tell_started(transaction: Transaction, row: TriggerRow, new: Sequence[Prepared], at: datetime, reason: str) -> None:
    """Tell of runs that were asked for: the newest one by one, in a storm the others added up."""
    shown, rest = (new[-MOST_SHOWN:], new[:-MOST_SHOWN]) if len(new) > MOST_SHOWN else (new, [])
    if rest:
        last = rest[-1]
        publish_fired(
            transaction,
            row,
            at,
            firing_id=last.firing.firing_id,
            result="started",
            run_id=last.run_id,
            count=len(rest),
            planned_at=last.firing.planned_at,
        )
    for one in shown:
        publish_fired(
            transaction,
            row,
            at,
            firing_id=one.firing.firing_id,
            result="started",
            reason=reason,
            run_id=one.run_id,
            planned_at=one.firing.planned_at,
        )


def publish_fired(transaction: Transaction, row: TriggerRow, at: datetime, **more: Any) -> None:
    """Tell of a firing."""
    event = TriggerFired(
        workflow_id=row.workflow_id,
        workflow=row.workflow,
        trigger=row.name,
        kind=row.trigger.kind,
        at=at,
        **{**more, "reason": more.get("reason", "")[:4000]},
    )
    transaction.publish(TRIGGERS_EVENTS, event, key=row.workflow_id)
    transaction.after_commit(lambda: count_firings(event.kind, event.result, event.count))


def publish_standing(transaction: Transaction, row: TriggerRow, at: datetime, *, gone: bool = False) -> None:
    """Tell how a trigger stands."""
    event = TriggerStanding(
        workflow_id=row.workflow_id,
        workflow=row.workflow,
        trigger=row.name,
        kind=row.trigger.kind,
        at=at,
        version=row.version,
        paused=row.paused,
        trouble=row.trouble[:4000],
        gone=gone,
        next_at=None if row.paused or gone else row.next_at,
    )
    transaction.publish(TRIGGERS_EVENTS, event, key=row.workflow_id)
