"""Executors under a clock that is set an hour forwards and backwards while they run: no timer moves, and no event tells the wrong time."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.runs import StartRun
from shared.contracts.topics import ENDPOINTS_REGISTRY, RUNS_COMMANDS, WORKFLOWS_REGISTRY
from shared.contracts.workflows import Component, FixedRetry, WorkflowDefinition, WorkflowPublished
from shared.runtime import clock
from shared.testing.ports import free_ports
from shared.testing.process import scratch_folder
from shared.testing.storm import Fleet
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(600)]

HOUR = timedelta(hours=1)
WAIT = 4.0
"""Seconds until the second attempt."""


class Clock:
    """The wall clock of all executors, moved by libfaketime while they run; what measures durations goes on as it is."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._file = scratch_folder("clock") / "offset"
        self._file.write_text("+0")
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self.env = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    async def set(self, offset: timedelta) -> None:
        """Set it, and see that each executor believes it."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset.total_seconds():+.0f}")
        new.rename(self._file)

        async def believed() -> bool:
            async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
                for executor in self._fleet.executors:
                    answer = await client.get(f"http://127.0.0.1:{executor.port}/readyz")
                    wrong = parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)
                    assert abs(wrong - offset) < timedelta(minutes=1), f"executor {executor.instance} is {wrong} wrong"
            return True

        await eventually(believed, within=20, about=f"the clock is {offset} wrong")


@pytest.fixture(scope="module")
async def fleet() -> AsyncIterator[Fleet]:
    fleet = Fleet()
    await fleet.start()
    yield fleet
    await fleet.stop()


@pytest.fixture(scope="module")
async def wall(fleet: Fleet) -> Clock:
    """Give the clock of executors that all run under it."""
    wall = Clock(fleet)
    for executor in fleet.executors:
        await asyncio.to_thread(executor.process.kill)
        executor.launch(**wall.env)
    await fleet.all_ready()
    return wall


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0), (0, -1), (-1, 1)])
async def test_a_clock_that_jumps_moves_no_timer(fleet: Fleet, wall: Clock, before: int, after: int) -> None:
    """An attempt is planned before the jump and made after it, when the database says so; each event has the database's time."""
    (closed,) = free_ports(1)
    name = "late-" + uuid.uuid4().hex[:6]
    options = {"base_url": f"http://127.0.0.1:{closed}"}
    await fleet.say(ENDPOINTS_REGISTRY, EndpointRegistered(endpoint_id=name, name=name, kind="service", options=options), name)
    retry = FixedRetry(every=WAIT, attempts=2)
    component = Component(name="A", kind="service", endpoint=name, options={"path": "/", "deliver": "once"}, retry=retry)
    definition = WorkflowDefinition(workflow=name, components=(component,))
    published = WorkflowPublished(workflow_id=name, version=1, definition=definition, published_at=clock.now())
    await fleet.say(WORKFLOWS_REGISTRY, published, f"{name}:1")
    await wall.set(before * HOUR)
    run = uuid.uuid4().hex
    await fleet.say(RUNS_COMMANDS, StartRun(workflow=name, version=1, run_id=run), run)
    async with fleet.database() as connection:

        async def planned() -> float | None:
            query = "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM waits WHERE run_id = $1"
            found: float | None = await connection.fetchval(query, run)
            return found

        left = await eventually(planned, within=30, every=0.05, about="a planned attempt") or 0.0
        began = time.monotonic()
        assert 0 < left <= WAIT + 0.5, f"the attempt is planned in {left} s by the database's clock"
        await wall.set(after * HOUR)
        assert await planned(), "the clock moved too late to prove anything"
        await fleet.ended([run], within=60)
        assert time.monotonic() - began >= left - 0.5, "it came before its time"
        bodies = await connection.fetch("SELECT convert_from(body, 'UTF8') FROM journal WHERE run_id = $1 ORDER BY first", run)
    events = [json.loads(line) for (body,) in bodies for line in body.split("\n")]
    assert [event["event"] for event in events].count("attempt.failed") == 2
    at = [datetime.fromisoformat(event["at"]) for event in events]
    assert all(abs(each - datetime.now(UTC)) < timedelta(minutes=5) for each in at), "events carry the database's time"
    assert at == sorted(at), "and never go back"
    assert at[-1] - at[0] >= timedelta(seconds=WAIT - 0.5)
