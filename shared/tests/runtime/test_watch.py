"""Alive means progress."""

import asyncio
import json

import pytest

from shared.runtime.consumer.batch import Batches
from shared.runtime.consumer.intake import Intake
from shared.runtime.consumer.watch import STUCK_EXIT_CODE, Watch


class Stuck(Intake):
    """An intake whose lag is told by the test."""

    def __init__(self, notes, lag: int | Exception) -> None:
        super().__init__(Batches(notes, "g", None, None), member="m", max_records=1)
        self.told = lag
        self.progressed -= 100

    async def lag(self) -> int:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


@pytest.mark.parametrize(("lag", "ends"), [(5, [STUCK_EXIT_CODE]), (0, []), (TimeoutError(), [])])
async def test_a_consumer_that_is_behind_and_stands_still_ends_its_process(notes, lag, ends) -> None:
    ended = []
    await Watch([], 45, ended.append).look(Stuck(notes, lag))
    assert ended == ends


async def test_waiting_for_a_dependency_is_no_standstill(notes) -> None:
    ended = []
    intake = Stuck(notes, 5)
    intake.batches.waiting = "PostgreSQL does not answer"
    await Watch([], 45, ended.append).look(intake)
    assert ended == []


async def test_progress_is_no_standstill(notes) -> None:
    ended = []
    intake = Stuck(notes, 5)
    intake.progressed += 90
    await Watch([], 45, ended.append).look(intake)
    assert ended == []


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
