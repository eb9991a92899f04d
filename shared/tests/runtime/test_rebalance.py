"""Consumers come and go in the middle of batches: each effect happens once, and each key keeps its order."""

import asyncio
import signal

import pytest

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]

ORDERS = 200


def check(rows: list[tuple[str, int, str]]) -> None:
    assert sorted(number for _, number, _ in rows) == list(range(ORDERS))
    for key in {key for key, _, _ in rows}:
        numbers = [number for row_key, number, _ in rows if row_key == key]
        assert numbers == sorted(numbers), f"{key} out of order: {numbers}"


async def test_a_second_replica_joins_and_the_first_leaves_in_the_middle_of_batches(station) -> None:
    await station.send(range(ORDERS))
    first = station.start(instance="a", batch=10, slow=0.1)
    await station.ledger_has(10)
    second = station.start(instance="b", batch=10, slow=0.1)

    async def second_works() -> bool:
        return any(worker == "b" for _, _, worker in await station.ledger())

    for _ in range(300):
        if await second_works() or len(await station.ledger()) >= ORDERS - 10:
            break
        await asyncio.sleep(0.2)
    assert await second_works(), f"no rebalance happened in the middle, so nothing was tested; {station.log()[-2000:]}"
    station.signal(first, signal.SIGTERM)
    assert await station.ended(first) == 0
    # A static member keeps its place until its session ends, so its partitions wait those seconds.
    check(await station.ledger_has(ORDERS, within=90))
    station.signal(second, signal.SIGTERM)
    assert await station.ended(second) == 0
    await asyncio.sleep(0.2)
    check(await station.ledger())


async def test_a_frozen_replica_that_wakes_up_doubles_nothing(station) -> None:
    """Stopped in mid-batch for longer than its session, its partitions are read by another; then it wakes up and writes."""
    await station.send(range(ORDERS))
    first = station.start(instance="a", batch=20, slow=0.15)
    await station.ledger_has(20)
    await asyncio.sleep(0.5)
    station.signal(first, signal.SIGSTOP)
    second = station.start(instance="b", batch=20)
    # The frozen one's open transaction holds its inbox rows; the other waits for them until PostgreSQL ends it, or it wakes.
    await asyncio.sleep(12)
    station.signal(first, signal.SIGCONT)
    check(await station.ledger_has(ORDERS, within=90))
    for pid in (first, second):
        station.signal(pid, signal.SIGTERM)
        assert await station.ended(pid) == 0
    check(await station.ledger())
