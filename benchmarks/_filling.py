"""Fills the executor's tables with runs as the executor writes them: copies of one that it has really run, under other ids.

The ids are 32 hexadecimal digits. Random ones are like those that the driver gives its runs, so that what is new falls between what is old
in every index; old ones sort before all that the gateway makes now, as those of earlier runs do. They are inserted in their order, which
takes a tenth of the time.
"""

import asyncio
import time
import uuid

import asyncpg

from benchmarks._engine import Driver
from shared.testing.wait import eventually

_NAMES = """
CREATE TEMPORARY TABLE names AS
SELECT name, row_number() OVER (ORDER BY name) AS n
FROM (SELECT overlay(md5($1::text || n) PLACING $3::text FROM 1) AS name FROM generate_series(1, $2::int) AS n) AS made
"""
_CHOSEN = "names WHERE n BETWEEN $2 AND $3"
_RUNS = f"""
INSERT INTO runs (run_id, workflow_id, workflow, version, status, owner, started_at, ended_at)
SELECT name, workflow_id, workflow, version, status, owner, clock_timestamp(),
    CASE WHEN ended_at IS NULL THEN NULL ELSE clock_timestamp() END
FROM (SELECT name FROM {_CHOSEN}) AS chosen, runs WHERE run_id = $1 ORDER BY name
"""
_JOURNAL = f"""
INSERT INTO journal (run_id, first, last, epoch, batch, body)
SELECT name, first, last, epoch, 0, convert_to(replace(convert_from(body, 'UTF8'), $1, name), 'UTF8')
FROM (SELECT name FROM {_CHOSEN}) AS chosen, journal WHERE run_id = $1 ORDER BY name, first
"""
_INBOX = f"""
INSERT INTO inbox (consumer, event_id, position)
SELECT 'executor.commands', name, 'runs.commands.v1:0:' || n FROM (SELECT name, n FROM {_CHOSEN}) AS chosen WHERE $1 <> '' ORDER BY name
"""
_WAITS = f"""
INSERT INTO waits (run_id, component, due_at)
SELECT name, component, due_at FROM (SELECT name FROM {_CHOSEN}) AS chosen, waits WHERE run_id = $1 ORDER BY name
"""
_AT_ONCE = 100_000


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


async def copy(connection: asyncpg.Connection, run: str, count: int, *, old: bool = False) -> None:
    """Add ``count`` copies of a run; the planner learns of them as it would by and by."""
    began = time.monotonic()
    await connection.execute("SET synchronous_commit = off; SET work_mem = '256MB'")
    await connection.execute(_NAMES, run, count, "00" if old else "")
    for first in range(1, count + 1, _AT_ONCE):
        last = min(count, first + _AT_ONCE - 1)
        for statement in (_RUNS, _JOURNAL, _WAITS, _INBOX):
            await connection.execute(statement, run, first, last)
        print(f"copied {last:,} of {count:,} runs within {time.monotonic() - began:.0f} s", flush=True)
        await asyncio.sleep(0)
    await connection.execute("DROP TABLE names; RESET synchronous_commit; RESET work_mem")
    await tidy(connection)


async def tidy(connection: asyncpg.Connection) -> None:
    """Do what autovacuum would have done meanwhile."""
    await connection.execute("CHECKPOINT")
    for table in ("runs", "journal", "inbox", "waits"):
        await connection.execute(f"VACUUM ANALYZE {table}")
