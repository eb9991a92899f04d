"""Turns of runs and slots of attempts on a real PostgreSQL: a stale epoch changes no row of them, and takes nothing from its heir."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import executor
from executor.adapters.gates import PostgresGates
from executor.adapters.journal import PostgresJournal
from executor.adapters.run_turns import PostgresTurns
from executor.application.entries import Entry
from executor.application.gates import Asking, Ended
from executor.application.ports import StaleEpoch
from executor.application.run_queue import Wanted
from executor.domain.gate import Verdict
from executor.domain.turns import Lane
from executor.settings import Settings
from shared.runtime.database import Database
from shared.testing.postgres import PostgresPart

pytestmark = pytest.mark.connected

PLACE = ("run", "Call")
ASKING = Asking(*PLACE, workflow_id="w", priority=5, retry=True)


@pytest.fixture
async def database(postgres: PostgresPart) -> AsyncIterator[Database]:
    settings = Settings(kafka="127.0.0.1:1", database_url=postgres.fresh_database())  # type: ignore[arg-type]
    database = Database(settings, "executor", Path(executor.__file__).parent / "migrations")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def journal(database: Database) -> PostgresJournal:
    return PostgresJournal(database)


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


def all_of(lanes: Sequence[Lane], _rooms: dict[str, int | None], _most: int) -> list[str]:
    return [run_id for lane in lanes for run_id, _ in lane.places]


async def queued(journal: PostgresJournal, epoch: int, run_id: str) -> None:
    """Write a run that waits for its turn."""
    opened, command = ("w", "name", 1), (f"event-{run_id}", "t:0:1")
    entry = Entry(run_id, 1, 1, [b"{}"], ["run.started"], 0, opened=opened, command=command, status="queued", waits_for_turn=5)
    await journal.commit(epoch, 1, 1, 60, [entry])


async def test_a_stale_epoch_takes_and_gives_back_no_turn(journal: PostgresJournal, database: Database) -> None:
    turns = PostgresTurns(database)
    old, _ = await journal.join("a", "h", 60)
    await queued(journal, old, "waits")
    new, _ = await journal.join("a", "h", 60)
    with pytest.raises(StaleEpoch):
        await turns.release(old, 10, all_of)
    with pytest.raises(StaleEpoch):
        await turns.reserve(old, [Wanted("late", "w", 5)])
    assert await rows(database, "SELECT run_id, taken_by FROM turns") == [("waits", None)]
    assert await turns.release(new, 10, all_of) == ["waits"]
    assert await turns.reserve(new, [Wanted("next", "w", 5)]) == {"next"}
    await turns.give_back(old, "next")
    assert sorted(await rows(database, "SELECT run_id, taken_by FROM turns")) == [("next", new), ("waits", new)]


async def test_a_turn_takes_no_run_that_another_owns(journal: PostgresJournal, database: Database) -> None:
    turns = PostgresTurns(database)
    mine, _ = await journal.join("a", "h", 60)
    other, _ = await journal.join("b", "h", 60)
    await queued(journal, mine, "waits")

    def and_theirs(lanes: Sequence[Lane], rooms: dict[str, int | None], most: int) -> list[str]:
        return [*all_of(lanes, rooms, most), "theirs"]

    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO runs (run_id, workflow_id, workflow, version, status, owner) VALUES ('theirs', 'w', 'name', 1, 'queued', $1)",
            other,
        )
        await connection.execute("INSERT INTO turns (run_id, workflow_id, priority) VALUES ('theirs', 'w', 5)")
    assert await turns.release(mine, 10, and_theirs) == ["waits"]
    assert await rows(database, "SELECT owner FROM runs WHERE run_id = 'theirs'") == [(other,)]
    assert await rows(database, "SELECT taken_by FROM turns WHERE run_id = 'theirs'") == [(None,)]


async def test_a_stale_epoch_changes_no_slot(journal: PostgresJournal, database: Database) -> None:
    gates = PostgresGates(database)
    old, _ = await journal.join("a", "h", 60)
    left = Asking("left", "Call", "w", 5, retry=False)
    assert (await gates.turn(old, "e", arrived=[left], ended=[], hurried=[])).granted == {("left", "Call")}
    new, _ = await journal.join("a", "h", 60)
    query = "SELECT run_id, epoch, retry, granted_at IS NOT NULL FROM slots"
    assert (await gates.turn(new, "e", arrived=[ASKING], ended=[], hurried=[])).granted == {PLACE}
    ours = [("run", new, True, True)]
    assert await rows(database, query) == ours, "what the dead one held is free"
    asked = await gates.turn(old, "e", arrived=[ASKING, left], ended=[], hurried=[])
    assert asked.granted == set()
    assert await rows(database, query) == ours, "it asks for nothing, and takes nothing away"
    await gates.turn(old, "e", arrived=[], ended=[Ended(PLACE, old, Verdict.FAILED)], hurried=[])
    assert await rows(database, query) == ours, "it gives nothing back that is not its own"
    await gates.turn(old, "e", arrived=[], ended=[], hurried=[PLACE])
    assert await rows(database, query) == ours
    assert await gates.granted(old) == set()
    await gates.turn(new, "e", arrived=[], ended=[Ended(PLACE, new, Verdict.ANSWERED)], hurried=[])
    assert await rows(database, query) == []
