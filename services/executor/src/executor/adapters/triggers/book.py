"""Who runs which trigger, and what firings lead to. The port Book.

A schedule is taken by whoever locks its row first when its time has come. A Kafka trigger belongs to an executor's epoch for as long as
that one's lease lasts; whatever is written for it locks its row and looks who owns it, so a stale owner changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from executor.adapters.triggers.declared import hold, sync
from executor.adapters.triggers.ledger import COLUMNS, fire, now_of, publish_standing, row_of
from executor.application.triggers.asking import prepare_all
from executor.application.triggers.ports import Decision, NotOurs, Prepared, TriggerRow
from executor.domain.triggers.firing import NotFired
from shared.runtime import failpoints
from shared.runtime.database import Database
from shared.runtime.delivery import Outbox, Transaction

_ALIVE = "retired_at IS NULL AND lease_until >= clock_timestamp()"
_SHARE = f"""
SELECT greatest(1, ceil(
    (SELECT count(*) FROM triggers WHERE kind = 'kafka' AND NOT gone)::numeric
    / greatest(1, (SELECT count(*) FROM executors WHERE {_ALIVE}))
))::int AS most, (SELECT count(*) FROM triggers WHERE kind = 'kafka' AND NOT gone AND owner = $1)::int AS have
"""  # noqa: S608 - constants of this module
_CLAIM = f"""
WITH share AS ({_SHARE}), free AS (
    SELECT workflow_id, name FROM triggers
    WHERE kind = 'kafka' AND NOT gone
      AND (owner IS NULL OR NOT EXISTS (SELECT FROM executors WHERE epoch = triggers.owner AND {_ALIVE}))
      AND EXISTS (SELECT FROM executors WHERE epoch = $1 AND {_ALIVE})
    ORDER BY random() LIMIT (SELECT greatest(0, most - have) FROM share) FOR UPDATE SKIP LOCKED
)
UPDATE triggers SET owner = $1 FROM free WHERE triggers.workflow_id = free.workflow_id AND triggers.name = free.name
"""  # noqa: S608 - constants of this module
_SPARE = f"""
WITH share AS ({_SHARE}), spare AS (
    SELECT workflow_id, name FROM triggers WHERE kind = 'kafka' AND NOT gone AND owner = $1
    ORDER BY workflow_id, name LIMIT (SELECT greatest(0, have - most) FROM share) FOR UPDATE SKIP LOCKED
)
UPDATE triggers SET owner = NULL FROM spare WHERE triggers.workflow_id = spare.workflow_id AND triggers.name = spare.name
"""  # noqa: S608 - constants of this module
_UNDECLARED = """
SELECT DISTINCT workflow_id FROM workflows AS w
WHERE NOT retired AND jsonb_array_length(coalesce(definition->'triggers', '[]')) > 0
  AND NOT EXISTS (SELECT FROM triggers WHERE triggers.workflow_id = w.workflow_id)
"""
_FORGET = """
DELETE FROM trigger_firings WHERE (workflow_id, trigger, firing_id) IN (
    SELECT workflow_id, trigger, firing_id FROM trigger_firings
    WHERE fired_at < clock_timestamp() - CASE kind WHEN 'dag' THEN interval '400 days' ELSE interval '7 days' END
    ORDER BY fired_at LIMIT 5000 FOR UPDATE SKIP LOCKED
)
"""


class PostgresBook:
    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def declare_missing(self) -> None:
        async with self._database.connection() as connection:
            ids = [found["workflow_id"] for found in await connection.fetch(_UNDECLARED)]
        if ids:
            async with self._outbox.transaction() as transaction:
                await hold(transaction)
                await sync(transaction, ids)

    async def claim(self, epoch: int) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SPARE, epoch)
            await connection.execute(_CLAIM, epoch)

    async def mine(self, epoch: int) -> list[TriggerRow]:
        query = f"SELECT {COLUMNS} FROM triggers WHERE kind = 'kafka' AND NOT gone AND owner = :epoch ORDER BY workflow_id, name"  # noqa: S608
        async with self._database.session() as session:
            return [row_of(found) for found in await session.execute(text(query), {"epoch": epoch})]

    async def release(self, epoch: int) -> None:
        async with self._database.connection() as connection:
            await connection.execute("UPDATE triggers SET owner = NULL WHERE owner = $1", epoch)

    async def lately(self, key: tuple[str, str], seconds: float) -> int:
        query = """
        SELECT count(*) FROM trigger_firings
        WHERE fired_at > clock_timestamp() - make_interval(secs => $3) AND workflow_id = $1 AND trigger = $2
        """
        async with self._database.connection() as connection:
            return int(await connection.fetchval(query, *key, seconds))

    async def record(self, row: TriggerRow, epoch: int, prepared: Sequence[Prepared], told: Sequence[NotFired]) -> int:
        async with self._outbox.transaction() as transaction:
            now = await self._ours(transaction, row, epoch)
            return await fire(transaction, now, prepared, told, await now_of(transaction))

    async def stand(self, row: TriggerRow, epoch: int, *, trouble: str, from_start: bool) -> None:
        async with self._outbox.transaction() as transaction:
            before = await self._ours(transaction, row, epoch)
            if (before.trouble, before.from_start) == (trouble, from_start):
                return
            after = replace(before, trouble=trouble, from_start=from_start)
            await _save(transaction, after)
            if before.trouble != trouble:
                publish_standing(transaction, after, await now_of(transaction))

    async def _ours(self, transaction: Transaction, row: TriggerRow, epoch: int) -> TriggerRow:
        """Lock a trigger's row to the end of the transaction; raise NotOurs when it belongs to another, changed, or is gone."""
        query = f"SELECT {COLUMNS}, owner, gone FROM triggers WHERE workflow_id = :workflow_id AND name = :name FOR UPDATE"  # noqa: S608
        values = {"workflow_id": row.workflow_id, "name": row.name}
        found = (await transaction.session.execute(text(query), values)).one_or_none()
        if found is None or found.gone:
            raise NotOurs("the workflow no longer declares it")
        if found.owner != epoch:
            raise NotOurs(f"it belongs to epoch {found.owner}")
        if found.version != row.version:
            raise NotOurs(f"version {found.version} of the workflow declares it anew")
        return row_of(found)

    async def take_due(self, decide: Callable[[TriggerRow, datetime], Decision]) -> bool:
        query = f"""
        SELECT {COLUMNS} FROM triggers WHERE kind = 'schedule' AND NOT gone AND NOT paused AND next_at <= clock_timestamp()
        ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
        """  # noqa: S608 - constants of this module
        if not await self._any_due():
            return False
        async with self._outbox.transaction() as transaction:
            found = (await transaction.session.execute(text(query))).one_or_none()
            if found is None:
                return False
            row, now = row_of(found), await now_of(transaction)
            decision = decide(row, now)
            prepared, refused = prepare_all(row, decision.fire)
            await fire(transaction, row, prepared, [*decision.told, *refused], now)
            await failpoints.reach("triggers.before_next")
            after = replace(row, next_at=decision.next_at, trouble=decision.trouble)
            await _save(transaction, after)
            publish_standing(transaction, after, now)
        return True

    async def _any_due(self) -> bool:
        query = "SELECT EXISTS (SELECT FROM triggers WHERE kind = 'schedule' AND NOT gone AND NOT paused AND next_at <= clock_timestamp())"
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(query))

    async def forget_old(self) -> None:
        async with self._database.connection() as connection:
            while (await connection.execute(_FORGET)) == "DELETE 5000":
                continue


async def _save(transaction: Transaction, row: TriggerRow) -> None:
    query = """
    UPDATE triggers SET next_at = :next_at, trouble = :trouble, from_start = :from_start, paused = :paused
    WHERE workflow_id = :workflow_id AND name = :name
    """
    values: dict[str, Any] = {
        "next_at": row.next_at,
        "trouble": row.trouble,
        "from_start": row.from_start,
        "paused": row.paused,
        "workflow_id": row.workflow_id,
        "name": row.name,
    }
    await transaction.session.execute(text(query), values)
