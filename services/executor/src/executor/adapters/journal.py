"""The journal in PostgreSQL: a batch of entries is one statement, and the statement holds its own fence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from executor.adapters import journal_sql as sql
from executor.application.entries import RUN_LIMIT, Conflict, Entry, Leftover, Request, Stored
from executor.application.ports import StaleEpoch
from executor.domain.journal import TERMINAL
from shared.runtime.database import Database

COMMANDS = "executor.commands"
"""Consumer group of the commands, and their name in the inbox."""

_OPEN = frozenset({"running", "queued"})
_SETTLED_AT_ONCE = 50_000
"""Rows. A transaction must end well within the statement's time limit, whatever the number of runs that wait; each looks past what
those before it have moved, so small steps cost more together."""


class PostgresJournal:
    """The journal of one schema. One connection at a time commits, so the batches of an epoch stand in their order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(self, epoch: int, batch: int, published: int, lease: float, entries: Sequence[Entry]) -> None:
        parts: dict[str, list[tuple[Any, ...]]] = {
            "entered": [entry.command for entry in entries if entry.command],
            "opened": [(entry.run_id, *entry.opened, entry.status or "running") for entry in entries if entry.opened],
            "ended": [(entry.run_id, entry.status) for entry in entries if entry.status in TERMINAL and not entry.opened],
        }
        beside = {part: _columns(rows) for part, rows in parts.items() if rows}
        statement = sql.commit_of(*((part, len(columns)) for part, columns in beside.items()))
        arguments: tuple[Any, ...] = (
            *(epoch, batch, published, lease),
            [entry.run_id for entry in entries],
            [entry.first for entry in entries],
            [entry.last for entry in entries],
            [b"\n".join(entry.lines) for entry in entries],
            *(column for columns in beside.values() for column in columns),
        )
        aside = [entry for entry in entries if _has_more(entry)]
        try:
            async with self._database.steady() as connection:
                if not aside:
                    stands = await connection.fetchval(statement, *arguments)
                else:
                    async with connection.transaction():
                        stands = await connection.fetchval(statement, *arguments)
                        if stands is not None:
                            await _beside(connection, aside)
        except asyncpg.UniqueViolationError as error:
            # Out here: an error of ours would have the connection taken for one that was left in the middle, and dropped.
            raise Conflict(str(error)) from error
        if stands is None:
            raise StaleEpoch(f"epoch {epoch} is over")

    async def join(self, instance: str, host: str, lease: float) -> tuple[int, datetime]:
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(
                "UPDATE executors SET retired_at = clock_timestamp() WHERE instance = $1 AND retired_at IS NULL", instance
            )
            return await connection.fetchval(sql.JOIN, instance, host, lease), await connection.fetchval("SELECT clock_timestamp()")

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
            await connection.execute(sql.RETIRE_DEAD)
            dead: int | None = await connection.fetchval(sql.INHERIT, epoch)
            return dead

    async def leftovers(self, dead: int) -> list[Leftover]:
        async with self._database.connection() as connection:
            return [Leftover(run_id, body.split(b"\n")) for run_id, body in await connection.fetch(sql.LEFT, dead)]

    async def busy(self, dead: int) -> list[str]:
        async with self._database.connection() as connection:
            return [row[0] for row in await connection.fetch(sql.BUSY, dead, RUN_LIMIT)]

    async def adopt(self, dead: int, epoch: int, run_ids: Sequence[str]) -> list[str]:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.ADOPT, dead, epoch, list(run_ids))
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
                moved = int((await connection.execute(sql.SETTLE, dead, epoch, _SETTLED_AT_ONCE)).rpartition(" ")[2])
                if moved < _SETTLED_AT_ONCE:
                    done = "UPDATE executors SET settled_at = clock_timestamp(), published = batch WHERE epoch = $1"
                    await connection.execute(done, dead)

    async def waiting(self, epoch: int, after: str, most: int) -> list[str]:
        async with self._database.connection() as connection:
            return [row[0] for row in await connection.fetch(sql.WAITING, epoch, after, most)]

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
            return await connection.fetchval(sql.CLAIM, epoch, run_id) is not None

    async def news(self, epoch: int, within: float) -> tuple[float | None, bool]:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.NEWS, epoch, within)
            return row[0], row[1]

    async def due(self, epoch: int, most: int) -> list[tuple[str, str]]:
        async with self._database.connection() as connection:
            return [(row[0], row[1]) for row in await connection.fetch(sql.DUE, epoch, most)]

    async def forget(self, run_id: str, component: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM waits WHERE run_id = $1 AND component = $2", run_id, component)

    async def requests(self, epoch: int, most: int) -> list[Request]:
        async with self._database.connection() as connection:
            return [Request(*row) for row in await connection.fetch(sql.REQUESTS, epoch, most)]

    async def seen(self, consumer: str, event_ids: Sequence[str], run_ids: Sequence[str]) -> tuple[set[str], set[str]]:
        async with self._database.steady() as connection:
            rows = await connection.fetch(sql.SEEN, consumer, list(event_ids), list(run_ids))
        return {name for name, is_event in rows if is_event}, {name for name, is_event in rows if not is_event}

    async def existing(self, run_ids: Sequence[str]) -> set[str]:
        async with self._database.connection() as connection:
            return {row[0] for row in await connection.fetch("SELECT run_id FROM runs WHERE run_id = ANY($1::text[])", list(run_ids))}


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


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
        await connection.execute(sql.UNPLAN, *_columns(over))
    planned = [(*place, due) for place, due in plans.items() if due is not None]
    if planned:
        await connection.execute(sql.PLAN, *_columns(planned))
    answered = [entry.request for entry in entries if entry.request is not None]
    if answered:
        await connection.execute("DELETE FROM requests WHERE id = ANY($1::bigint[])", answered)
    reopened = [(entry.run_id, entry.status, entry.version) for entry in entries if entry.status in _OPEN and not entry.opened]
    if reopened:
        await connection.execute(sql.REOPEN, *_columns(reopened))
    queued = [(entry.run_id, entry.waits_for_turn) for entry in entries if entry.waits_for_turn is not None]
    if queued:
        await connection.execute(sql.QUEUE, *_columns(queued))
    left = [entry.run_id for entry in entries if entry.leaves]
    if left:
        await connection.execute("DELETE FROM turns WHERE run_id = ANY($1::text[])", left)
