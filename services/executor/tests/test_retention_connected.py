"""Retention on a real PostgreSQL: what is past its time goes in small batches, and nothing else, and nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import executor
from executor.adapters.journal import PostgresJournal
from executor.adapters.retention import finished_runs
from executor.application.entries import Entry
from executor.settings import Settings
from shared.runtime import metrics
from shared.runtime.database import Database
from shared.runtime.retention import Retention
from shared.testing.postgres import PostgresPart

pytestmark = pytest.mark.connected

DAYS = 30


@pytest.fixture(scope="module")
async def database(postgres: PostgresPart) -> AsyncIterator[Database]:
    settings = Settings(kafka="127.0.0.1:1", database_url=postgres.fresh_database())  # type: ignore[arg-type]
    database = Database(settings, "executor", Path(executor.__file__).parent / "migrations")
    await database.start()
    yield database
    await database.stop()


async def finish(database: Database, *runs: str, age: str = "40 days", published: int = 1) -> None:
    """Have runs that ended so long ago, each with two journal rows; ``published``: Kafka has batches up to this one."""
    journal = PostgresJournal(database)
    epoch, _ = await journal.join("a", "h", 60)
    begun = [Entry(run, 1, 1, [b"{}"], ["run.started"], 0, opened=("w", "name", 1), command=(f"e-{run}", "t:0:1")) for run in runs]
    await journal.commit(epoch, 1, 0, 60, begun)
    await journal.commit(epoch, 2, published, 60, [Entry(run, 2, 2, [b"{}"], ["run.finished"], 0, status="succeeded") for run in runs])
    await journal.retire(epoch)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE runs SET ended_at = clock_timestamp() - $2::text::interval WHERE run_id = ANY($1)", list(runs), age
        )


async def there(database: Database) -> dict[str, int]:
    """Return run → journal rows of all runs that are left."""
    async with database.connection() as connection:
        query = "SELECT r.run_id, count(j.run_id) FROM runs AS r LEFT JOIN journal AS j USING (run_id) GROUP BY 1"
        return {row[0]: row[1] for row in await connection.fetch(query)}


async def execute(database: Database, query: str, *values: Any) -> None:
    async with database.connection() as connection:
        await connection.execute(query, *values)


async def test_only_what_is_over_old_and_known_to_kafka_is_removed_in_batches(database: Database) -> None:
    await finish(database, *(f"old-{number}" for number in range(25)), published=2)
    await finish(database, "young", age="29 days", published=2)
    await finish(database, "owned", "asked", published=2)
    await finish(database, "unsent", published=1)
    await execute(database, "UPDATE runs SET owner = 1 WHERE run_id = 'owned'")
    await execute(database, "INSERT INTO requests (run_id, external, body) VALUES ('asked', false, '{}')")
    counted = metrics.RETENTION_REMOVED.labels("runs")._value.get()
    retention = Retention(database, "a", finished_runs(DAYS, most=10))
    removed = await retention.look()
    assert removed == {"runs": 25, "journal": 50}
    assert metrics.RETENTION_REMOVED.labels("runs")._value.get() == counted + 25
    assert await there(database) == {"young": 2, "owned": 2, "asked": 2, "unsent": 2}
    assert await retention.look() == {}
    async with database.connection() as connection:
        orphans = await connection.fetchval("SELECT count(*) FROM journal WHERE run_id LIKE 'old-%'")
    assert orphans == 0
    await execute(database, "UPDATE executors SET published = batch")
    assert (await retention.look())["runs"] == 1, "once Kafka has everything, it goes too"


async def test_a_run_that_somebody_works_on_is_passed_over_and_nobody_waits(database: Database) -> None:
    await finish(database, "held", "free", published=2)
    retention = Retention(database, "a", finished_runs(DAYS))
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM runs WHERE run_id = 'held' FOR UPDATE")
        async with asyncio.timeout(20):
            assert (await retention.look())["runs"] == 1
    assert "held" in await there(database)
    assert (await retention.look())["runs"] == 1
    assert "held" not in await there(database)


async def test_one_replica_removes_at_a_time(database: Database) -> None:
    await finish(database, *(f"many-{number}" for number in range(6)), published=2)
    first, second = (Retention(database, name, finished_runs(DAYS, most=2)) for name in "ab")
    taken = await asyncio.gather(first.look(), second.look())
    assert sorted(found.get("runs", 0) for found in taken) == [0, 6]


async def test_the_oldest_are_found_by_an_index(database: Database) -> None:
    async with database.connection() as connection, connection.transaction():
        # The table of a test is so small that the planner would rather read all of it.
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        query = "EXPLAIN SELECT run_id FROM runs WHERE ended_at < statement_timestamp() - interval '30 days' ORDER BY ended_at LIMIT 500"
        plan = "\n".join(row[0] for row in await connection.fetch(query))
    assert "runs_ended" in plan
    assert "Sort" not in plan
