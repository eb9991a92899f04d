"""Alive means progress."""

import asyncio
import json

import pytest

from shared.runtime.consumer import intake as taking
from shared.runtime.consumer import watch as watching
from shared.runtime.consumer.batch import Batches
from shared.runtime.consumer.intake import Intake
from shared.runtime.consumer.watch import STUCK_EXIT_CODE, Watch


class Clock:
    """The time that the watch and its intakes go by, moved by the test."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Told(Intake):
    """An intake whose lag and trouble are told by the test."""

    def __init__(self, notes) -> None:
        super().__init__(Batches(notes, "g", None, None), member="m", max_records=1)
        self.told: int | Exception = 0
        self.unable = 0.0

    @property
    def trouble(self) -> tuple[str, float]:
        return ("NodeNotReadyError()", self.unable) if self.unable else ("", 0.0)

    async def lag(self) -> int:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


class Looks:
    """A watch that is made to look every five seconds of its clock."""

    def __init__(self, clock: Clock, intake: Told) -> None:
        self.clock, self.intake, self.ended = clock, intake, []
        self.watch = Watch([intake], 45, self.ended.append)

    async def go_on(self, seconds: int, *, progress: bool = False, unable: bool = False) -> list[int]:
        for _ in range(0, seconds, 5):
            self.clock.now += 5
            self.intake.unable += 5 if unable else -self.intake.unable
            if progress:
                self.intake.progressed = self.clock.now
            await self.watch.look(self.intake)
        return self.ended


@pytest.fixture
def looks(notes, monkeypatch) -> Looks:
    clock = Clock()
    monkeypatch.setattr(watching, "time", clock)
    monkeypatch.setattr(taking, "time", clock)
    return Looks(clock, Told(notes))


async def test_a_consumer_that_is_behind_and_stands_still_ends_its_process(looks) -> None:
    looks.intake.told = 5
    assert await looks.go_on(45) == []
    assert await looks.go_on(5) == [STUCK_EXIT_CODE]


async def test_one_that_has_read_everything_stands_still_rightly(looks) -> None:
    assert await looks.go_on(300) == []


async def test_what_was_idle_before_something_came_is_no_standstill(looks) -> None:
    await looks.go_on(300)
    looks.intake.told = 5
    assert await looks.go_on(45) == []


async def test_progress_is_no_standstill(looks) -> None:
    looks.intake.told = 5
    assert await looks.go_on(300, progress=True) == []


async def test_waiting_for_a_dependency_is_no_standstill(looks) -> None:
    looks.intake.told = 5
    looks.intake.batches.waiting = "PostgreSQL does not answer"
    assert await looks.go_on(300) == []
    looks.intake.batches.waiting = ""
    assert await looks.go_on(45) == []


async def test_brokers_that_are_away_are_no_standstill_and_neither_is_the_moment_when_they_are_back(looks) -> None:
    looks.intake.told = 5
    await looks.go_on(30)
    looks.intake.told = TimeoutError()
    assert await looks.go_on(300, unable=True) == []
    looks.intake.told = 5
    assert await looks.go_on(45, unable=True) == []
    assert await looks.go_on(20, unable=True) != []


async def test_a_consumer_that_cannot_fetch_from_brokers_that_answer_ends_its_process(looks) -> None:
    assert await looks.go_on(70, unable=True) != []


@pytest.mark.connected
async def test_a_handler_that_never_returns_ends_the_process_with_its_state_logged(station) -> None:
    await station.send(range(3))
    pid = station.start(slow=600, stuck_after=3)
    assert await station.ended(pid, within=40) == STUCK_EXIT_CODE
    last = [json.loads(line) for line in station.log().splitlines() if "no progress" in line][-1]
    assert (last["level"], last["lag"], last["in_hand"]) == ("critical", 3, True)
    assert last["group"] == f"station.{station.name}"
    again = station.start()
    rows = await station.ledger_has(3)
    assert sorted(number for _, number, _ in rows) == [0, 1, 2]
    assert again
    await asyncio.sleep(0)
