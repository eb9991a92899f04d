"""The journal in PostgreSQL: a batch of entries is one statement, and the statement holds its own fence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from executor.application.entries import RUN_LIMIT, Conflict, Entry, Leftover, Request, Stored
from executor.application.ports import StaleEpoch
from executor.domain.journal import TERMINAL
from shared.runtime.database import Database

COMMANDS = "executor.commands"
"""Consumer group of the commands, and their name in the inbox."""

_OPEN = frozenset({"running", "queued"})

# The owner of a run that ends is said so that no index answers it. The planner learns of owners while nothing runs, takes an epoch to
# own next to nothing, and would compare all runs of the epoch with all that end: a third of the throughput.
_COMMIT = """
WITH fence AS MATERIALIZED (
    UPDATE executors SET batch = $2, published = $3, lease_until = clock_timestamp() + make_interval(secs => $4)
    WHERE epoch = $1 AND retired_at IS NULL RETURNING epoch
), entered AS (
    INSERT INTO inbox (consumer, event_id, position)
    SELECT 'executor.commands', c.event_id, c.position FROM fence, unnest($5::text[], $6::text[]) AS c (event_id, position)
), opened AS (
    INSERT INTO runs (run_id, workflow_id, workflow, version, status, owner)
    SELECT o.run_id, o.workflow_id, o.workflow, o.version, o.status, CASE WHEN o.status <> 'queued' THEN fence.epoch END
    FROM fence, unnest($7::text[], $8::text[], $9::text[], $10::int[], $11::text[]) AS o (run_id, workflow_id, workflow, version, status)
), ended AS (
    UPDATE runs SET status = e.status, owner = NULL, ended_at = clock_timestamp()
    FROM fence, unnest($12::text[], $13::text[]) AS e (run_id, status)
    WHERE runs.run_id = e.run_id AND runs.owner IS NOT DISTINCT FROM fence.epoch
), written AS (
    INSERT INTO journal (run_id, first, last, epoch, batch, body)
    SELECT j.run_id, j.first, j.last, fence.epoch, $2, j.body
    FROM fence, unnest($14::text[], $15::int[], $16::int[], $17::bytea[]) AS j (run_id, first, last, body)
)
SELECT epoch FROM fence
"""

_PLAN = """
INSERT INTO waits (run_id, component, due_at) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
ON CONFLICT (run_id, component) DO UPDATE SET due_at = excluded.due_at
"""
_UNPLAN = """
DELETE FROM waits USING unnest($1::text[], $2::text[]) AS o (run_id, component)
WHERE waits.run_id = o.run_id AND waits.component = o.component
"""
# A queued run belongs to nobody: whoever has room lets it go on.
_REOPEN = """
UPDATE runs SET status = o.status, ended_at = NULL, version = coalesce(o.version, runs.version),
    owner = CASE WHEN o.status <> 'queued' THEN runs.owner END
FROM unnest($1::text[], $2::text[], $3::int[]) AS o (run_id, status, version) WHERE runs.run_id = o.run_id
"""
_QUEUE = """
INSERT INTO turns (run_id, workflow_id, priority) SELECT r.run_id, r.workflow_id, o.priority
FROM unnest($1::text[], $2::int[]) AS o (run_id, priority) JOIN runs AS r USING (run_id)
ON CONFLICT (run_id) DO UPDATE SET taken_by = NULL, priority = excluded.priority
"""
_JOIN = "INSERT INTO executors (instance, host, lease_until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3)) RETURNING epoch"
_RETIRE_DEAD = "UPDATE executors SET retired_at = clock_timestamp() WHERE retired_at IS NULL AND lease_until < clock_timestamp()"
_INHERIT = """
UPDATE executors SET heir = $1 WHERE epoch = (
    SELECT dead.epoch FROM executors AS dead
    WHERE dead.retired_at IS NOT NULL AND dead.settled_at IS NULL
      AND (dead.heir IS NULL OR dead.heir = $1 OR EXISTS (SELECT FROM executors AS h
          WHERE h.epoch = dead.heir AND h.retired_at IS NOT NULL))
      AND EXISTS (SELECT FROM executors AS me WHERE me.epoch = $1 AND me.retired_at IS NULL)
    ORDER BY dead.epoch LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING epoch
"""
# Without a planned attempt: what was under way when the dead executor died is among these, and what waits is not.
_BUSY = """
SELECT r.run_id FROM runs AS r
WHERE r.owner = $1 AND NOT EXISTS (SELECT FROM waits AS w WHERE w.run_id = r.run_id AND w.component <> $2) ORDER BY r.started_at
"""
_ADOPT = """
WITH fence AS MATERIALIZED (SELECT epoch FROM executors WHERE epoch = $2 AND retired_at IS NULL FOR SHARE), moved AS (
    UPDATE runs SET owner = fence.epoch FROM fence, unnest($3::text[]) AS these (run_id)
    WHERE runs.run_id = these.run_id AND runs.owner IS NOT DISTINCT FROM $1 RETURNING runs.run_id, runs.started_at
)
SELECT epoch, ARRAY(SELECT run_id FROM moved ORDER BY started_at) FROM fence
"""
_SETTLE = """
WITH part AS MATERIALIZED (SELECT run_id FROM runs WHERE owner = $1 LIMIT $3)
UPDATE runs SET owner = $2 FROM part WHERE runs.run_id = part.run_id
"""
_SETTLED_AT_ONCE = 50_000
"""Rows. A transaction must end well within the statement's time limit, whatever the number of runs that wait; each looks past what
those before it have moved, so small steps cost more together."""
_WAITING = """
SELECT DISTINCT w.run_id FROM waits AS w WHERE w.run_id > $2 AND EXISTS (
    SELECT FROM runs AS r WHERE r.run_id = w.run_id AND r.owner IS NOT DISTINCT FROM $1 OFFSET 0
) ORDER BY w.run_id LIMIT $3
"""
_LEFT = """
SELECT j.run_id, j.body FROM journal AS j JOIN executors AS e USING (epoch) WHERE j.epoch = $1 AND j.batch > e.published
ORDER BY j.batch, j.run_id, j.first
"""
_DUE = """
SELECT w.run_id, w.component FROM waits AS w WHERE w.due_at <= statement_timestamp() AND EXISTS (
    SELECT FROM runs AS r WHERE r.run_id = w.run_id AND (r.owner = $1 OR (r.owner IS NULL AND r.status = 'queued')) OFFSET 0
) ORDER BY w.due_at LIMIT $2
"""
_REQUESTS = """
SELECT q.id, q.run_id, q.external, q.body FROM requests AS q
WHERE EXISTS (SELECT FROM runs AS r WHERE r.run_id = q.run_id AND (r.owner = $1 OR r.owner IS NULL) OFFSET 0) ORDER BY q.id LIMIT $2
"""
# The clock of the statement and not of the moment: only the former can be looked up in the index, so that a look costs the
# same however many attempts are planned. OFFSET 0 has waits and requests looked at first, of which few matter, and not all runs,
# whatever the planner thinks of their numbers.
_NEWS = """
SELECT
    (SELECT extract(epoch FROM w.due_at - statement_timestamp())::float8 FROM waits AS w
     WHERE w.due_at <= statement_timestamp() + make_interval(secs => $2) AND EXISTS (
         SELECT FROM runs AS r WHERE r.run_id = w.run_id AND (r.owner = $1 OR (r.owner IS NULL AND r.status = 'queued')) OFFSET 0
     ) ORDER BY w.due_at LIMIT 1),
    EXISTS (SELECT FROM requests AS q
            WHERE EXISTS (SELECT FROM runs AS r WHERE r.run_id = q.run_id AND (r.owner = $1 OR r.owner IS NULL) OFFSET 0))
"""
_SEEN = """
SELECT event_id, true FROM inbox WHERE consumer = $1 AND event_id = ANY($2::text[])
UNION ALL SELECT run_id, false FROM runs WHERE run_id = ANY($3::text[])
"""
_CLAIM = """
WITH fence AS MATERIALIZED (SELECT epoch FROM executors WHERE epoch = $1 AND retired_at IS NULL FOR SHARE)
UPDATE runs SET owner = fence.epoch FROM fence WHERE run_id = $2 AND (owner IS NULL OR owner = fence.epoch) RETURNING run_id
"""


class PostgresJournal:
    """The journal of one schema. One connection at a time commits, so the batches of an epoch stand in their order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(self, epoch: int, batch: int, published: int, lease: float, entries: Sequence[Entry]) -> None:
        opened = [(entry.run_id, *entry.opened, entry.status or "running") for entry in entries if entry.opened]
        commands = [entry.command for entry in entries if entry.command]
        ended = [(entry.run_id, entry.status) for entry in entries if entry.status in TERMINAL and not entry.opened]
        arguments: tuple[Any, ...] = (
            *(epoch, batch, published, lease),
            *_columns(commands, 2),
            *_columns(opened, 5),
            *_columns(ended, 2),
            [entry.run_id for entry in entries],
            [entry.first for entry in entries],
            [entry.last for entry in entries],
            [b"\n".join(entry.lines) for entry in entries],
        )
        aside = [entry for entry in entries if _has_more(entry)]
        async with self._database.steady() as connection:
            try:
                if not aside:
                    stands = await connection.fetchval(_COMMIT, *arguments)
                else:
                    async with connection.transaction():
                        stands = await connection.fetchval(_COMMIT, *arguments)
                        if stands is not None:
                            await _beside(connection, aside)
            except asyncpg.UniqueViolationError as error:
                raise Conflict(str(error)) from error
        if stands is None:
            raise StaleEpoch(f"epoch {epoch} is over")

    async def join(self, instance: str, host: str, lease: float) -> tuple[int, datetime]:
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(
                "UPDATE executors SET retired_at = clock_timestamp() WHERE instance = $1 AND retired_at IS NULL", instance
            )
            return await connection.fetchval(_JOIN, instance, host, lease), await connection.fetchval("SELECT clock_timestamp()")

    async def stands(self, epoch: int, batch: int) -> bool:
        query = "SELECT batch >= $2 FROM executors WHERE epoch = $1 AND retired_at IS NULL"
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(query, epoch, batch))

    async def renew(self, epoch: int, published: int, lease: float) -> datetime:
        async with self._database.connection() as connection:
            now: datetime | None = await connection.fetchval(
                "UPDATE executors SET published = greatest(published, $2), lease_until = clock_timestamp() + make_interval(secs => $3) "
                "WHERE epoch = $1 AND retired_at IS NULL RETURNING clock_timestamp()",
                epoch,
                published,
                lease,
            )
        if now is None:
            raise StaleEpoch(f"epoch {epoch} is over")
        return now

    async def retire(self, epoch: int) -> None:
        async with self._database.connection() as connection:
            await connection.execute("UPDATE executors SET retired_at = clock_timestamp() WHERE epoch = $1 AND retired_at IS NULL", epoch)

    async def inherit(self, epoch: int) -> int | None:
        async with self._database.connection() as connection:
            await connection.execute(_RETIRE_DEAD)
            dead: int | None = await connection.fetchval(_INHERIT, epoch)
            return dead

    async def leftovers(self, dead: int) -> list[Leftover]:
        async with self._database.connection() as connection:
            return [Leftover(run_id, body.split(b"\n")) for run_id, body in await connection.fetch(_LEFT, dead)]

    async def busy(self, dead: int) -> list[str]:
        async with self._database.connection() as connection:
            return [row[0] for row in await connection.fetch(_BUSY, dead, RUN_LIMIT)]

    async def adopt(self, dead: int, epoch: int, run_ids: Sequence[str]) -> list[str]:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ADOPT, dead, epoch, list(run_ids))
        if row is None:
            raise StaleEpoch(f"epoch {epoch} is over")
        moved: list[str] = row[1]
        return moved

    async def settle(self, dead: int, epoch: int) -> None:
        moved = _SETTLED_AT_ONCE
        while moved == _SETTLED_AT_ONCE:
            async with self._database.connection() as connection, connection.transaction():
                still = await connection.fetchval("SELECT epoch FROM executors WHERE epoch = $1 AND retired_at IS NULL FOR SHARE", epoch)
                if still is None:
                    raise StaleEpoch(f"epoch {epoch} is over")
                moved = int((await connection.execute(_SETTLE, dead, epoch, _SETTLED_AT_ONCE)).rpartition(" ")[2])
                if moved < _SETTLED_AT_ONCE:
                    done = "UPDATE executors SET settled_at = clock_timestamp(), published = batch WHERE epoch = $1"
                    await connection.execute(done, dead)

    async def waiting(self, epoch: int, after: str, most: int) -> list[str]:
        async with self._database.connection() as connection:
            return [row[0] for row in await connection.fetch(_WAITING, epoch, after, most)]

    async def load(self, run_ids: Sequence[str]) -> list[Stored]:
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT run_id, workflow_id, version, status FROM runs WHERE run_id = ANY($1)", list(run_ids))
            bodies = await connection.fetch("SELECT run_id, body FROM journal WHERE run_id = ANY($1) ORDER BY run_id, first", list(run_ids))
        lines: dict[str, list[bytes]] = {row[0]: [] for row in rows}
        for run_id, body in bodies:
            lines.setdefault(run_id, []).extend(body.split(b"\n"))
        return [Stored(row[0], row[1], row[2], row[3], lines[row[0]]) for row in rows]

    async def claim(self, epoch: int, run_id: str) -> bool:
        async with self._database.connection() as connection:
            return await connection.fetchval(_CLAIM, epoch, run_id) is not None

    async def news(self, epoch: int, within: float) -> tuple[float | None, bool]:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_NEWS, epoch, within)
            return row[0], row[1]

    async def due(self, epoch: int, most: int) -> list[tuple[str, str]]:
        async with self._database.connection() as connection:
            return [(row[0], row[1]) for row in await connection.fetch(_DUE, epoch, most)]

    async def forget(self, run_id: str, component: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM waits WHERE run_id = $1 AND component = $2", run_id, component)

    async def requests(self, epoch: int, most: int) -> list[Request]:
        async with self._database.connection() as connection:
            return [Request(*row) for row in await connection.fetch(_REQUESTS, epoch, most)]

    async def seen(self, consumer: str, event_ids: Sequence[str], run_ids: Sequence[str]) -> tuple[set[str], set[str]]:
        async with self._database.steady() as connection:
            rows = await connection.fetch(_SEEN, consumer, list(event_ids), list(run_ids))
        return {name for name, is_event in rows if is_event}, {name for name, is_event in rows if not is_event}

    async def existing(self, run_ids: Sequence[str]) -> set[str]:
        async with self._database.connection() as connection:
            return {row[0] for row in await connection.fetch("SELECT run_id FROM runs WHERE run_id = ANY($1::text[])", list(run_ids))}


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _has_more(entry: Entry) -> bool:
    return bool(entry.waits or entry.woken or entry.leaves) or entry.request is not None or entry.status in _OPEN


async def _beside(connection: Any, entries: Sequence[Entry]) -> None:
    """Write what few entries have: planned attempts, answered requests, runs that are open again."""
    plans: dict[tuple[str, str], datetime | None] = {}
    for entry in entries:
        plans |= {(entry.run_id, name): None for name in entry.woken}
        plans |= {(entry.run_id, name): due for name, due in entry.waits}
    over = [place for place, due in plans.items() if due is None]
    if over:
        await connection.execute(_UNPLAN, *_columns(over, 2))
    planned = [(*place, due) for place, due in plans.items() if due is not None]
    if planned:
        await connection.execute(_PLAN, *_columns(planned, 3))
    answered = [entry.request for entry in entries if entry.request is not None]
    if answered:
        await connection.execute("DELETE FROM requests WHERE id = ANY($1::bigint[])", answered)
    reopened = [(entry.run_id, entry.status, entry.version) for entry in entries if entry.status in _OPEN and not entry.opened]
    if reopened:
        await connection.execute(_REOPEN, *_columns(reopened, 3))
    queued = [(entry.run_id, entry.waits_for_turn) for entry in entries if entry.waits_for_turn is not None]
    if queued:
        await connection.execute(_QUEUE, *_columns(queued, 2))
    left = [entry.run_id for entry in entries if entry.leaves]
    if left:
        await connection.execute("DELETE FROM turns WHERE run_id = ANY($1::text[])", left)
