"""A fleet of executors in a storm: kills, freezes, parts away, failpoints, a wrong clock. Afterwards a ledger compares both ends.

Seeded: ``CHAOS_SEED`` chooses the moments and the victims. ``make chaos`` runs it in full size; in the gate it is short.
"""

import asyncio
import os
import random
import signal
import sys
import time
import uuid
from collections import Counter as Tally
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.runs import StartRun
from shared.contracts.topics import ENDPOINTS_REGISTRY, RUNS_COMMANDS, WORKFLOWS_REGISTRY
from shared.contracts.workflows import Component, FixedRetry, WorkflowDefinition, WorkflowPublished
from shared.runtime import clock
from shared.runtime.failpoints import EXIT_CODE
from shared.testing.ports import free_ports
from shared.testing.storm import Executor, Fleet, Ledger
from shared.testing.wait import eventually

SEED = int(os.environ.get("CHAOS_SEED", "1"))
RUNS = int(os.environ.get("CHAOS_RUNS", "120"))
KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
AWAY_SECONDS = float(os.environ.get("CHAOS_AWAY", "2"))
FROZEN_SECONDS = float(os.environ.get("CHAOS_FROZEN", "8"))
STEPS = int(os.environ.get("CHAOS_STEPS", "1"))
"""How many of the failpoints are taken; the seed chooses which."""
LIMIT = 900 + KILLS * 30
TERMINAL_SECONDS = 30.0
"""Within so many seconds of the last kill every run must have ended."""

FAILPOINTS = ("journal.before_commit", "journal.after_commit", "outcomes.before_send", "outcomes.after_ack", "commands.before_offsets")

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
    share = max(1, RUNS // KILLS)
    for number in range(KILLS):
        runs += await fleet.send(share if number < KILLS - 1 else RUNS - share * (KILLS - 1))

        async def somebody() -> list[Executor]:
            return await fleet.ready_ones()

        ready = await eventually(somebody, within=60, every=0.1, about="an executor that can be killed")
        await asyncio.sleep(dice.uniform(0, 0.7))
        victim = dice.choice(ready)
        victim.process.kill()
        faults["kill -9 of an executor"] += 1
        last = time.monotonic()
        victim.launch()
    await fleet.ended(runs, within=120)
    took = time.monotonic() - last
    ledger = await Ledger(fleet, runs, faults).close()
    sys.stdout.write(f"all ended {took:.1f} s after the last kill\n")
    assert ledger.counts["runs asked for"] == RUNS
    assert took <= TERMINAL_SECONDS, f"the last run ended {took:.1f} s after the last kill"
    await fleet.all_ready()


@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_a_part_that_dies_under_load_and_stays_away_loses_nothing(fleet: Fleet, dice: random.Random, part: str) -> None:
    away = fleet.kafka if part == "kafka" else fleet.postgres
    before = [executor.process.pid for executor in fleet.executors]
    runs = await fleet.send(max(20, RUNS // 3))
    await asyncio.sleep(dice.uniform(0, 0.3))
    await asyncio.to_thread(away.kill)
    try:
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        await asyncio.to_thread(away.start)
    runs += await fleet.send(20)
    await fleet.ended(runs, within=120)
    await Ledger(fleet, runs, Tally({f"{part} killed and away for {AWAY_SECONDS:g} s": 1})).close()
    await fleet.all_ready()
    assert [executor.process.pid for executor in fleet.executors] == before, "they went on by themselves"


async def test_an_executor_that_was_frozen_writes_nothing_stale(fleet: Fleet, dice: random.Random) -> None:
    runs = await fleet.send(max(60, RUNS // 2))
    victim = dice.choice(fleet.executors)
    async with fleet.database() as connection:
        epoch = await connection.fetchval("SELECT max(epoch) FROM executors WHERE instance = $1 AND retired_at IS NULL", victim.instance)
    await asyncio.sleep(dice.uniform(0, 0.2))
    os.kill(victim.process.pid, signal.SIGSTOP)
    try:
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
    await Ledger(fleet, runs, Tally({f"executor frozen for {FROZEN_SECONDS:g} s": 1})).close()


async def test_killed_between_commit_produce_ack_and_offsets_each_effect_is_there_once(fleet: Fleet, dice: random.Random) -> None:
    faults: Tally[str] = Tally()
    runs: list[str] = []
    for point in dice.sample(FAILPOINTS, min(STEPS, len(FAILPOINTS))):
        victim = dice.choice(fleet.executors)
        await asyncio.to_thread(victim.process.kill)
        victim.launch(FLOWTOWER_FAILPOINTS=f"{point}=exit@{dice.randint(1, 4)}")

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
    await fleet.ended(runs, within=120)
    await Ledger(fleet, runs, faults).close()


async def test_a_clock_that_is_an_hour_wrong_moves_no_timer(fleet: Fleet) -> None:
    """The executor lives under a clock that libfaketime sets an hour ahead; a planned attempt comes when the database says so."""
    (closed,) = free_ports(1)
    name = "late-" + uuid.uuid4().hex[:6]
    options = {"base_url": f"http://127.0.0.1:{closed}"}
    await fleet.say(ENDPOINTS_REGISTRY, EndpointRegistered(endpoint_id=name, name=name, kind="service", options=options), name)
    component = Component(
        name="A", kind="service", endpoint=name, options={"path": "/", "deliver": "once"}, retry=FixedRetry(every=3, attempts=2)
    )
    definition = WorkflowDefinition(workflow=name, components=(component,))
    published = WorkflowPublished(workflow_id=name, version=1, definition=definition, published_at=clock.now())
    await fleet.say(WORKFLOWS_REGISTRY, published, f"{name}:1")
    for executor in fleet.executors:
        await asyncio.to_thread(executor.process.kill)
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    for executor in fleet.executors:
        executor.launch(LD_PRELOAD=str(library), FAKETIME="+1h", FAKETIME_DONT_FAKE_MONOTONIC="1")
    try:
        await fleet.all_ready()
        run = uuid.uuid4().hex
        await fleet.say(RUNS_COMMANDS, StartRun(workflow=name, version=1, run_id=run), run)
        async with fleet.database() as connection:

            async def planned() -> float | None:
                query = "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM waits WHERE run_id = $1"
                found: float | None = await connection.fetchval(query, run)
                return found

            async def seconds() -> bool:
                return await planned() is not None

            await eventually(seconds, within=30, every=0.05, about="a planned attempt")
            left = await planned()
            assert left is not None
            assert 0 < left <= 3.5, f"the attempt is planned in {left} s by the database's clock"
            began = time.monotonic()
            await fleet.ended([run], within=60)
            assert time.monotonic() - began >= left - 0.5, "it came before its time"
            body = await connection.fetchval("SELECT convert_from(body, 'UTF8') FROM journal WHERE run_id = $1 ORDER BY first LIMIT 1", run)
        text = body.partition('"at":"')[2].partition('"')[0]
        assert abs((datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()) < 600, "events carry the database's time"
    finally:
        for executor in fleet.executors:
            await asyncio.to_thread(executor.process.kill)
            executor.launch()
    log = fleet.executors[0].process.log_path.read_text(errors="replace")
    ahead = [
        line
        for line in log.splitlines()
        if f"T{(datetime.now(UTC).hour + 1) % 24:02d}:" in line or f" {(datetime.now(UTC).hour + 1) % 24:02d}:" in line
    ]
    assert ahead, "the executor's own clock was never wrong: this proves nothing"
    await fleet.all_ready()
