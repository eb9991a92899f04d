"""Fills the executor's tables with runs as the executor writes them: copies of one that it has really run, under other ids."""

import asyncio
import uuid

import asyncpg

from benchmarks._engine import Driver
from shared.testing.wait import eventually

_NAME = "$1 || lpad(n::text, 31, '0')"
_RUNS = f"""
INSERT INTO runs (run_id, workflow_id, workflow, version, status, owner, started_at, ended_at)
SELECT {_NAME}, workflow_id, workflow, version, status, owner, clock_timestamp(),
    CASE WHEN ended_at IS NULL THEN NULL ELSE clock_timestamp() END
FROM runs, generate_series($3::int, $4::int) AS n WHERE run_id = $2
"""
_JOURNAL = f"""
INSERT INTO journal (run_id, first, last, epoch, batch, body)
SELECT {_NAME}, first, last, epoch, 0, convert_to(replace(convert_from(body, 'UTF8'), $2, {_NAME}), 'UTF8')
FROM journal, generate_series($3::int, $4::int) AS n WHERE run_id = $2
"""
_INBOX = f"""
INSERT INTO inbox (consumer, event_id, position)
SELECT 'executor.commands', {_NAME}, 'runs.commands.v1:0:' || n FROM generate_series($2::int, $3::int) AS n
"""
_WAITS = f"""
INSERT INTO waits (run_id, component, due_at)
SELECT {_NAME}, component, due_at FROM waits, generate_series($3::int, $4::int) AS n WHERE run_id = $2
"""
_AT_ONCE = 50_000


async def a_finished_run(driver: Driver) -> str:
    """Have the executor make one run of three components; return its id."""
    run = uuid.uuid4().hex
    await driver.send([driver.command("three", run)])
    if not await driver.seen(1, lambda record: record.key == run.encode() and b'"event":"run.finished"' in record.value, 30):
        raise RuntimeError("the run to copy did not end")
    return run


async def a_waiting_run(driver: Driver) -> str:
    """Have the executor make one run whose next attempt is planned in an hour; return its id."""
    run = uuid.uuid4().hex
    await driver.send([driver.command("later", run)])
    async with driver.stage.database() as connection:

        async def waits() -> bool:
            return bool(await connection.fetchval("SELECT count(*) FROM waits WHERE run_id = $1", run))

        await eventually(waits, within=30, about="a run that waits")
    return run


async def copy(connection: asyncpg.Connection, run: str, count: int, letter: str) -> None:
    """Add ``count`` copies named by a letter and 31 digits, from 0 on; the planner learns of them as it would by and by."""
    for first in range(0, count, _AT_ONCE):
        last = min(count, first + _AT_ONCE) - 1
        await connection.execute(_RUNS, letter, run, first, last)
        await connection.execute(_JOURNAL, letter, run, first, last)
        await connection.execute(_WAITS, letter, run, first, last)
        await connection.execute(_INBOX, letter, first, last)
        await asyncio.sleep(0)
    await tidy(connection)


async def tidy(connection: asyncpg.Connection) -> None:
    """Do what autovacuum would have done meanwhile."""
    await connection.execute("CHECKPOINT")
    for table in ("runs", "journal", "inbox", "waits"):
        await connection.execute(f"VACUUM ANALYZE {table}")
