"""A fleet of executors in a storm: kills, freezes, parts away, failpoints. Afterwards a ledger compares both ends.

Seeded: ``CHAOS_SEED`` chooses the moments and the victims. ``make chaos`` runs it in full size; in the gate it is short.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter as Tally
from collections.abc import AsyncIterator

import pytest

from shared.runtime.failpoints import EXIT_CODE
from shared.testing.storm import Executor, Fleet, Ledger
from shared.testing.wait import eventually

SEED = int(os.environ.get("CHAOS_SEED", "1"))
RUNS = int(os.environ.get("CHAOS_RUNS", "120"))
KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
AWAY_SECONDS = float(os.environ.get("CHAOS_AWAY", "2"))
FROZEN_SECONDS = float(os.environ.get("CHAOS_FROZEN", "8"))
LIMIT = 900 + KILLS * 30
TERMINAL_SECONDS = 30.0
"""Within so many seconds of the last kill every run must have ended."""

FAILPOINTS = {
    "journal.before_commit": "exit",
    "journal.after_commit": "exit",
    "outcomes.before_send": "exit",
    # Long enough for the batches to reach the brokers, whose answers nobody reads any more.
    "outcomes.before_ack": "exit:0.05",
    "outcomes.after_ack": "exit",
    "commands.before_offsets": "exit",
}
SENT_AGAIN = ("outcomes.before_ack", "outcomes.after_ack")
"""Where Kafka has what our database does not know that it has."""
WORKED = "kill -9 of an executor with attempts under way"

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(LIMIT)]


@pytest.fixture(scope="module")
async def fleet() -> AsyncIterator[Fleet]:
    """Give two executors with a Kafka and a PostgreSQL that nobody else uses."""
    fleet = Fleet()
    await fleet.start()
    yield fleet
    await fleet.stop()


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{SEED} {request.node.name}")


async def test_killed_at_random_points_nothing_is_lost_and_nothing_doubled(fleet: Fleet, dice: random.Random) -> None:
    runs: list[str] = []
    faults: Tally[str] = Tally()
    tries, last = 0, 0.0
    while faults[WORKED] < KILLS:
        tries += 1
        assert tries <= 2 * KILLS, f"{faults[WORKED]} of {tries} kills found work: the rest proves nothing"
        runs += await fleet.send(max(1, RUNS // KILLS))

        async def somebody() -> list[Executor]:
            return await fleet.ready_ones()

        ready = await eventually(somebody, within=60, every=0.1, about="an executor that can be killed")
        victim = dice.choice(ready)
        await fleet.busy(victim, runs)
        await asyncio.sleep(dice.uniform(0, 0.2))
        victim.process.kill()
        faults[WORKED if await fleet.under_way(victim) else "kill -9 of an idle executor, not counted"] += 1
        last = time.monotonic()
        victim.launch()
    await fleet.ended(runs, within=120)
    took = time.monotonic() - last
    ledger = await Ledger(fleet, runs, faults).close()
    sys.stdout.write(f"all ended {took:.1f} s after the last kill\n")
    assert ledger.counts["runs asked for"] == len(runs) >= RUNS
    assert ledger.counts["attempts lost with their executor"] >= KILLS, "each kill must have cost an attempt"
    assert took <= TERMINAL_SECONDS, f"the last run ended {took:.1f} s after the last kill"
    await fleet.all_ready()


@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_a_part_that_dies_under_load_and_stays_away_loses_nothing(fleet: Fleet, dice: random.Random, part: str) -> None:
    away = fleet.kafka if part == "kafka" else fleet.postgres
    before = [executor.process.pid for executor in fleet.executors]
    runs = await fleet.send(max(20, RUNS // 3))
    await asyncio.sleep(dice.uniform(0, 0.3))
    for executor in fleet.executors:
        await fleet.busy(executor, runs)
    under_way = [await fleet.under_way(executor) for executor in fleet.executors]
    await asyncio.to_thread(away.kill)
    assert sum(under_way), "nothing was under way when it died: this proves nothing"
    try:
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        await asyncio.to_thread(away.start)
    runs += await fleet.send(20)
    await fleet.ended(runs, within=120)
    await Ledger(fleet, runs, Tally({f"{part} killed and away for {AWAY_SECONDS:g} s, runs under way": sum(under_way)})).close()
    await fleet.all_ready()
    assert [executor.process.pid for executor in fleet.executors] == before, "they went on by themselves"


async def test_an_executor_that_was_frozen_writes_nothing_stale(fleet: Fleet, dice: random.Random) -> None:
    runs = await fleet.send(max(60, RUNS // 2))
    victim = dice.choice(fleet.executors)
    async with fleet.database() as connection:
        epoch = await connection.fetchval("SELECT max(epoch) FROM executors WHERE instance = $1 AND retired_at IS NULL", victim.instance)
    await asyncio.sleep(dice.uniform(0, 0.2))
    await fleet.busy(victim, runs)
    os.kill(victim.process.pid, signal.SIGSTOP)
    under_way = await fleet.under_way(victim)
    try:
        assert under_way, "it had nothing to do when it was frozen: this proves nothing"
        await asyncio.sleep(FROZEN_SECONDS)
        async with fleet.database() as connection:

            async def settled() -> bool:
                return bool(await connection.fetchval("SELECT settled_at IS NOT NULL FROM executors WHERE epoch = $1", epoch))

            await eventually(settled, within=30, about="somebody took over from the frozen one")
            query = "SELECT run_id, first, last, batch, md5(body) FROM journal WHERE epoch = $1 ORDER BY run_id, first"
            before = await connection.fetch(query, epoch)
    finally:
        os.kill(victim.process.pid, signal.SIGCONT)
    await fleet.ended(runs, within=120)
    await fleet.all_ready()
    async with fleet.database() as connection:
        stale = [row for row in await connection.fetch(query, epoch) if row not in before]
        reborn = await connection.fetchval("SELECT max(epoch) FROM executors WHERE instance = $1 AND retired_at IS NULL", victim.instance)
    assert stale == [], "an executor that was frozen wrote under an epoch that was over"
    assert reborn > epoch, "it must begin a new life"
    await Ledger(fleet, runs, Tally({f"executor frozen for {FROZEN_SECONDS:g} s, runs under way": under_way})).close()


async def test_killed_between_commit_produce_ack_and_offsets_each_effect_is_there_once(fleet: Fleet, dice: random.Random) -> None:
    faults: Tally[str] = Tally()
    runs: list[str] = []
    for point in dice.sample(list(FAILPOINTS), len(FAILPOINTS)):
        began = time.monotonic()
        victim = dice.choice(fleet.executors)
        await asyncio.to_thread(victim.process.kill)
        victim.launch(FLOWTOWER_FAILPOINTS=f"{point}={FAILPOINTS[point]}@{dice.randint(1, 4)}")

        async def hit(victim: Executor = victim, point: str = point) -> bool:
            # Load until its own share of the partitions has brought it to the point.
            runs.extend(await fleet.send(6))
            if victim.process.running:
                raise AssertionError(f"{point} was not reached")
            return True

        await eventually(hit, within=60, every=0.4, about=point)
        assert victim.process.exit_code == EXIT_CODE, f"it did not die at {point}"
        faults[f"exit at {point}"] += 1
        victim.launch()
        await fleet.all_ready()
        sys.stdout.write(f"\n{point}: {time.monotonic() - began:.1f} s")
    await fleet.ended(runs, within=120)
    ledger = await Ledger(fleet, runs, faults).close()
    again = ledger.counts["events sent again, told by (run, seq)"]
    assert again >= len(SENT_AGAIN), "what the brokers had and our database did not know of is sent again, and told as such"
