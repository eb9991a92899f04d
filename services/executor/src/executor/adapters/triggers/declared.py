"""Which triggers there are: those of each workflow's newest version, and what people ask of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from executor.adapters.triggers.ledger import COLUMNS, fire, now_of, publish_standing, row_of
from executor.application.triggers.asking import prepare_all
from executor.application.triggers.ports import EVENT, NOT_YET, TriggerRow
from executor.application.triggers.schedules import first_time
from executor.domain.triggers.dag import checked as checked_dag
from executor.domain.triggers.firing import Firing
from executor.domain.triggers.message import checked as checked_message
from shared.contracts.triggers import FireTrigger, PauseTrigger
from shared.contracts.workflows import DagTrigger, EventTrigger, KafkaTrigger, ScheduleTrigger, Trigger, WorkflowDefinition
from shared.runtime.delivery import Transaction
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_NEWEST = """
SELECT DISTINCT ON (workflow_id) workflow_id, version, definition::text AS definition FROM workflows
WHERE workflow_id = ANY(:ids) AND NOT retired ORDER BY workflow_id, version DESC
"""
_SAVE = """
INSERT INTO triggers (workflow_id, name, workflow, kind, version, body, next_at, trouble, paused, gone)
VALUES (:workflow_id, :name, :workflow, :kind, :version, cast(:body AS jsonb), :next_at, :trouble, :paused, false)
ON CONFLICT (workflow_id, name) DO UPDATE SET workflow = excluded.workflow, kind = excluded.kind, version = excluded.version,
    body = excluded.body, next_at = excluded.next_at, trouble = excluded.trouble, paused = excluded.paused, gone = false,
    life = triggers.life + :returned, from_start = triggers.from_start AND :same,
    since = CASE WHEN :same THEN triggers.since ELSE clock_timestamp() END
RETURNING since
"""


async def hold(transaction: Transaction) -> None:
    """Let one transaction at a time change what is declared, so that none misses what another is about to write."""
    await transaction.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('executor:triggers'))"))


async def sync(transaction: Transaction, workflow_ids: Iterable[str]) -> None:
    """Make the triggers of these workflows those of their newest version that is not retired. The caller holds."""
    ids = sorted(set(workflow_ids))
    newest = {found.workflow_id: found for found in await transaction.session.execute(text(_NEWEST), {"ids": ids})}
    query = f"SELECT {COLUMNS}, gone FROM triggers WHERE workflow_id = ANY(:ids) ORDER BY workflow_id, name FOR UPDATE"  # noqa: S608
    known: dict[str, dict[str, Any]] = {}
    for found in await transaction.session.execute(text(query), {"ids": ids}):
        known.setdefault(found.workflow_id, {})[found.name] = found
    for workflow_id in ids:
        latest = newest.get(workflow_id)
        definition = None if latest is None else WorkflowDefinition.model_validate_json(latest.definition)
        declared = {} if definition is None else {name_of(trigger): trigger for trigger in definition.triggers}
        for name, found in known.get(workflow_id, {}).items():
            if name not in declared and not found.gone:
                await _gone(transaction, row_of(found))
        if latest is None or definition is None:
            continue
        for name, trigger in declared.items():
            before = known.get(workflow_id, {}).get(name)
            if before is None or before.gone or before.version != latest.version:
                row = None if before is None else row_of(before)
                returned = before is not None and before.gone
                await _declare(transaction, workflow_id, definition.workflow, latest.version, trigger, row, returned=returned)


def name_of(trigger: Trigger) -> str:
    """Return the name of a trigger within its workflow."""
    return EVENT if isinstance(trigger, EventTrigger) else trigger.name


async def _gone(transaction: Transaction, row: TriggerRow) -> None:
    query = "UPDATE triggers SET gone = true, owner = NULL WHERE workflow_id = :workflow_id AND name = :name"
    await transaction.session.execute(text(query), {"workflow_id": row.workflow_id, "name": row.name})
    publish_standing(transaction, row, await now_of(transaction), gone=True)


async def _declare(
    transaction: Transaction,
    workflow_id: str,
    workflow: str,
    version: int,
    trigger: Trigger,
    before: TriggerRow | None,
    *,
    returned: bool,
) -> None:
    """Write a trigger down. One that ``returned`` begins anew: what came while nobody declared it is nobody's business."""
    now = await now_of(transaction)
    same = before is not None and not returned and _same_source(before.trigger, trigger)
    row = TriggerRow(workflow_id, workflow, name_of(trigger), version, trigger, before is not None and before.paused, "", now)
    if isinstance(trigger, ScheduleTrigger):
        next_at, trouble = first_time(trigger, now)
        kept = before.next_at if before is not None and same and before.next_at is not None else next_at
        row = replace(row, next_at=None if trouble else kept, trouble=trouble)
    elif isinstance(trigger, KafkaTrigger):
        _, wrong = checked_message(trigger)
        row = replace(row, trouble=wrong or (before.trouble if before is not None and same else NOT_YET))
    elif isinstance(trigger, DagTrigger):
        row = replace(row, trouble=await _dag_trouble(transaction, trigger))
    values = {
        "workflow_id": workflow_id,
        "name": row.name,
        "workflow": workflow,
        "kind": trigger.kind,
        "version": version,
        "body": trigger.model_dump_json(),
        "next_at": row.next_at,
        "trouble": row.trouble,
        "paused": row.paused,
        "same": same,
        "returned": int(returned),
    }
    since = (await transaction.session.execute(text(_SAVE), values)).scalar_one()
    publish_standing(transaction, replace(row, since=since), now)


def _same_source(before: Trigger, after: Trigger) -> bool:
    """Whether a trigger still listens to the same thing, so that it goes on where it was."""
    if isinstance(before, KafkaTrigger) and isinstance(after, KafkaTrigger):
        return (before.endpoint, before.topic) == (after.endpoint, after.topic)
    if isinstance(before, ScheduleTrigger) and isinstance(after, ScheduleTrigger):
        return (before.cron, before.time_zone) == (after.cron, after.time_zone)
    if isinstance(before, DagTrigger) and isinstance(after, DagTrigger):
        return (before.cluster, before.dag_id) == (after.cluster, after.dag_id)
    return before.kind == after.kind


async def _dag_trouble(transaction: Transaction, trigger: DagTrigger) -> str:
    if wrong := checked_dag(trigger)[1]:
        return wrong
    query = "SELECT EXISTS (SELECT FROM clusters WHERE name = :name)"
    if (await transaction.session.execute(text(query), {"name": trigger.cluster})).scalar_one():
        return ""
    return f"There is no cluster “{trigger.cluster}”. Register it, or correct cluster: in the trigger."


async def restand_dags(transaction: Transaction) -> None:
    """Tell which DAG triggers have a cluster now, or none any more. The caller holds."""
    query = f"SELECT {COLUMNS} FROM triggers WHERE kind = 'dag' AND NOT gone ORDER BY workflow_id, name FOR UPDATE"  # noqa: S608
    for found in list(await transaction.session.execute(text(query))):
        row = row_of(found)
        assert isinstance(row.trigger, DagTrigger)  # noqa: S101 - they were picked so
        trouble = await _dag_trouble(transaction, row.trigger)
        if trouble != row.trouble:
            values = {"trouble": trouble, "workflow_id": row.workflow_id, "name": row.name}
            await transaction.session.execute(
                text("UPDATE triggers SET trouble = :trouble WHERE workflow_id = :workflow_id AND name = :name"), values
            )
            publish_standing(transaction, replace(row, trouble=trouble), await now_of(transaction))


async def obey(transaction: Transaction, commands: Sequence[PauseTrigger | FireTrigger]) -> None:
    """Pause, go on, fire by hand. What concerns no trigger (any more) changes nothing."""
    for command in commands:
        query = f"SELECT {COLUMNS}, gone FROM triggers WHERE workflow_id = :workflow_id AND name = :name FOR UPDATE"  # noqa: S608
        values = {"workflow_id": command.workflow_id, "name": command.trigger}
        found = (await transaction.session.execute(text(query), values)).one_or_none()
        if found is None or found.gone:
            log.warning("a command names no trigger", workflow=command.workflow_id, trigger=command.trigger, command=command.command)
            continue
        row = row_of(found)
        if isinstance(command, PauseTrigger):
            await transaction.session.execute(
                text("UPDATE triggers SET paused = :paused WHERE workflow_id = :workflow_id AND name = :name"),
                {**values, "paused": command.paused},
            )
            publish_standing(transaction, replace(row, paused=command.paused), await now_of(transaction))
        else:
            await _by_hand(transaction, row, command)


async def _by_hand(transaction: Transaction, row: TriggerRow, command: FireTrigger) -> None:
    inputs = {} if isinstance(row.trigger, EventTrigger) else dict(row.trigger.inputs)
    # A person asked for it, so a pause is no reason not to.
    given = [Firing(command.firing_id, inputs)]
    now = await now_of(transaction)
    prepared, refused = prepare_all(row, given, requested_by=command.requested_by)
    await fire(transaction, replace(row, paused=False), prepared, refused, now, reason=f"Fired by hand by {command.requested_by}.")
