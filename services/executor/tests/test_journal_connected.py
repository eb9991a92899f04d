"""The journal on a real PostgreSQL: a batch stands whole or not at all, and a stale epoch changes no row."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import executor
from executor.adapters import journal_sql as sql
from executor.adapters.checkpoints import PostgresCheckpoints
from executor.adapters.journal import PostgresJournal
from executor.adapters.tables import SQLModel
from executor.application.entries import RUN_LIMIT, Conflict, Entry
from executor.application.ports import Checkpoint, StaleEpoch
from executor.application.writer import JournalWriter
from executor.settings import Settings
from shared.runtime.database import Database
from shared.testing.postgres import PostgresPart

pytestmark = pytest.mark.connected

MIGRATIONS = Path(executor.__file__).parent / "migrations"


@pytest.fixture(scope="module")
async def database(postgres: PostgresPart) -> Any:
    settings = Settings(kafka="127.0.0.1:1", database_url=postgres.fresh_database())  # type: ignore[arg-type]
    database = Database(settings, "executor", MIGRATIONS)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def journal(database: Database) -> PostgresJournal:
    return PostgresJournal(database)


def entry(run: str, first: int = 1, *, opened: bool = True, **more: Any) -> Entry:
    given: dict[str, Any] = {"opened": ("w", "name", 1), "command": (f"event-{run}", "t:0:1")} if opened else {}
    return Entry(run, first, first, [b'{"seq":%d}' % first], ["attempt.started"], 0, **(given | more))


async def count(database: Database, table: str, run: str) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table} WHERE run_id = $1", run))


async def steady_backend(database: Database) -> int:
    async with database.steady() as connection:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def test_the_tables_are_those_of_the_models(database: Database) -> None:
    async with database.connection() as connection:
        query = "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'executor'"
        there = {(t, c): n == "YES" for t, c, n in await connection.fetch(query)}
    for table in SQLModel.metadata.tables.values():
        for column in table.columns:
            assert there[table.name, column.name] == column.nullable, f"{table.name}.{column.name}"
        assert {c for t, c in there if t == table.name} == set(table.columns.keys())


async def test_a_command_that_comes_twice_begins_one_run(journal: PostgresJournal, database: Database) -> None:
    epoch, _ = await journal.join("a", "h", 60)
    await journal.commit(epoch, 1, 0, 60, [entry("one")])
    backend = await steady_backend(database)
    with pytest.raises(Conflict):
        await journal.commit(epoch, 2, 0, 60, [entry("two"), entry("one")])
    assert await steady_backend(database) == backend, "what is there already costs no connection"
    assert await count(database, "runs", "two") == 0, "a batch stands whole or not at all"
    assert await journal.seen("executor.commands", ["event-one", "event-two"], ["one", "two"]) == ({"event-one"}, {"one"})


async def test_a_stale_epoch_changes_no_row(journal: PostgresJournal, database: Database) -> None:
    old, _ = await journal.join("b", "h", 60)
    await journal.commit(old, 1, 0, 60, [entry("owned")])
    checkpoints = PostgresCheckpoints(database, old)
    await checkpoints.save("owned", "C", 1, "S", Checkpoint(confirmed={0: 5}))
    new, _ = await journal.join("b", "h", 60)
    with pytest.raises(StaleEpoch):
        await journal.commit(old, 2, 1, 60, [entry("late"), entry("owned", 2, opened=False, status="succeeded")])
    with pytest.raises(StaleEpoch):
        await journal.renew(old, 1, 60)
    with pytest.raises(StaleEpoch):
        await journal.settle(new, old)
    with pytest.raises(StaleEpoch):
        await checkpoints.save("owned", "C", 1, "S", Checkpoint(confirmed={0: 99}))
    assert not await journal.claim(old, "owned")
    assert await count(database, "runs", "late") == 0
    assert await count(database, "journal", "owned") == 1
    assert not await journal.claim(new, "owned"), "what another owns is taken over, and not claimed"
    assert await journal.inherit(new) == old
    assert [left.lines for left in await journal.leftovers(old)] == [[b'{"seq":1}']]
    with pytest.raises(StaleEpoch):
        await journal.adopt(new, old, ["owned"])
    assert await journal.adopt(old, new, ["owned", "late"]) == ["owned"]
    assert await journal.adopt(old, new, ["owned"]) == [], "ours already"
    await journal.settle(old, new)
    assert await journal.claim(new, "owned"), "ours already"
    mine = PostgresCheckpoints(database, new)
    loaded = await mine.load("owned", "C", 1, "S")
    assert loaded is not None
    assert loaded.confirmed == {0: 5}
    await mine.save("owned", "C", 1, "S", Checkpoint(confirmed={0: 6}))


async def test_a_life_ends_with_its_lease_and_only_then(journal: PostgresJournal) -> None:
    dying, _ = await journal.join("c", "h", 0.3)
    heir, _ = await journal.join("d", "h", 60)
    taken = []
    for _ in range(30):
        if (dead := await journal.inherit(heir)) is not None:
            taken.append(dead)
            await journal.settle(dead, heir)
        await asyncio.sleep(0.05)
    assert dying in taken
    assert heir not in taken
    with pytest.raises(StaleEpoch):
        await journal.renew(dying, 0, 60)


async def test_what_was_under_way_is_taken_over_before_what_waits(
    journal: PostgresJournal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor.adapters.journal._SETTLED_AT_ONCE", 2)
    dead, now = await journal.join("g", "h", 60)
    hour = now + timedelta(hours=1)
    limited = entry("limited", waits=[(RUN_LIMIT, hour)])
    waiting = [entry(f"waits-{number}", waits=[("A", hour), ("B", hour)]) for number in range(5)]
    await journal.commit(dead, 1, 0, 60, [entry("under-way"), limited, *waiting])
    heir, _ = await journal.join("g", "h", 60)
    busy = await journal.busy(dead)
    assert set(busy) == {"under-way", "limited"}, "a time limit alone is no reason to wait"
    assert set(await journal.adopt(dead, heir, busy)) == set(busy)
    assert await journal.waiting(heir, "waits", 10) == []
    await journal.settle(dead, heir)
    names = [f"waits-{number}" for number in range(5)]
    assert await journal.waiting(heir, "waits", 3) == names[:3]
    assert await journal.waiting(heir, names[2], 3) == names[3:]
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT settled_at FROM executors WHERE epoch = $1", dead) is not None
        assert await connection.fetchval("SELECT count(*) FROM runs WHERE owner = $1", dead) == 0
    await journal.retire(heir)


async def test_planned_attempts_come_due_by_the_databases_clock(journal: PostgresJournal) -> None:
    epoch, now = await journal.join("e", "h", 60)
    soon, late = now + timedelta(seconds=0.4), now + timedelta(hours=1)
    await journal.commit(epoch, 1, 0, 60, [entry("waits", waits=[("A", soon), ("B", late)])])
    assert await journal.due(epoch, 10) == []
    await asyncio.sleep(0.5)
    assert await journal.due(epoch, 10) == [("waits", "A")]
    await journal.commit(epoch, 2, 0, 60, [entry("waits", 2, opened=False, woken=["A"])])
    assert await journal.due(epoch, 10) == []
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60


class SlowJournal:
    """Takes a moment for each commit, as a disk does."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.tries = 0

    async def commit(self, _epoch: int, _batch: int, _published: int, _lease: float, entries: list[Entry]) -> None:
        self.tries += 1
        await asyncio.sleep(0.02)
        if any(entry.run_id == "there" for entry in entries):
            raise Conflict("there")
        self.batches.append([entry.run_id for entry in entries])


class Told:
    published = 0

    def __init__(self) -> None:
        self.offered: list[str] = []

    def offer(self, _batch: int, entries: list[Entry]) -> None:
        self.offered += [entry.run_id for entry in entries]


async def test_what_comes_during_a_commit_is_written_by_the_next_one() -> None:
    journal, told = SlowJournal(), Told()
    writer = JournalWriter(journal, told, lease=6, lost=lambda _: None)  # type: ignore[arg-type]
    writer.start(1)
    stands: list[str] = []
    refused: list[str] = []
    for number in range(100):
        name = "there" if number == 50 else str(number)
        made = entry(name)
        made.committed = lambda _, name=name: stands.append(name)
        made.refused = lambda _, name=name: refused.append(name)
        writer.add(made)
        if number == 0:
            await asyncio.sleep(0.005)
    await writer.settled()
    assert journal.batches[0] == ["0"]
    expected = [str(number) for number in range(100) if number != 50]
    assert stands == told.offered == expected
    assert refused == ["there"]
    assert journal.tries < 20, "one entry that was there does not make each of the others a commit"

    def breaks(_: Entry) -> None:
        raise RuntimeError("what follows breaks")

    broken, later = entry("broken"), entry("later")
    broken.committed, later.committed = breaks, lambda _: stands.append("later")
    writer.add(broken)
    writer.add(later)
    await writer.settled()
    assert journal.batches[-1] == ["broken", "later"]
    assert stands[-1] == "later", "an error in what follows one entry holds up no other"
    await writer.stop()


async def test_statements_of_the_hot_path_look_runs_up_by_id_whatever_the_planner_thinks_of_owners(
    journal: PostgresJournal, database: Database
) -> None:
    """Learned while nothing runs, an epoch seems to own nothing; by its index each commit would read all of its runs."""
    over = (
        "INSERT INTO runs (run_id, workflow_id, workflow, version, status, ended_at) "
        "SELECT 'over-' || n, 'w', 'name', 1, 'succeeded', clock_timestamp() FROM generate_series(1, 20000) AS n"
    )
    async with database.connection() as connection:
        await connection.execute(f"{over}; ANALYZE runs; SET plan_cache_mode = force_generic_plan")
        for number, statement in enumerate((sql.commit_of(("ended", 2)), sql.DUE, sql.NEWS, sql.REQUESTS, sql.WAITING)):
            nothing = ", ".join(["NULL"] * max(map(int, re.findall(r"\$(\d+)", statement))))
            await connection.execute(f"PREPARE hot_{number} AS {statement}")
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE hot_{number} ({nothing})"))
            assert "runs_pkey" in plan, plan
            assert "runs_owner" not in plan, plan
            assert "Seq Scan on runs" not in plan, plan
        await connection.execute("DEALLOCATE ALL; RESET plan_cache_mode; DELETE FROM runs WHERE run_id LIKE 'over-%'")
