"""Kill -9 between every two steps of consume → commit and of outbox → ack; the ledgers at both ends must agree."""

import signal

import pytest
from aiokafka import ConsumerRecord

from shared.runtime.failpoints import EXIT_CODE

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]

CONSUME_TO_COMMIT = [
    "consumer.before_transaction",
    "consumer.after_inbox",
    "consumer.after_handler",
    "outbox.before_rows",
    "outbox.before_commit",
    "outbox.after_commit",
    "consumer.before_offsets",
    "consumer.after_offsets",
]
OUTBOX_TO_ACK = ["outbox.before_send", "outbox.after_ack", "outbox.after_mark"]
RELAY_TO_ACK = ["relay.before_send", "relay.after_ack"]

ORDERS = 12


def numbers_by_key(records: list[ConsumerRecord]) -> dict[bytes, list[int]]:
    """The order in which a consumer that knows each event id once sees the numbers of each key."""
    seen: set[bytes] = set()
    order: dict[bytes, list[int]] = {}
    for record in records:
        event_id = dict(record.headers)["ce_id"]
        if event_id not in seen:
            seen.add(event_id)
            order.setdefault(record.key, []).append(int(record.value.split(b":")[1].split(b",")[0].strip(b" }")))
    return order


async def check_both_ends(station) -> None:
    """Every effect once, every receipt there, none without its effect, each key in order."""
    rows = await station.ledger_has(ORDERS)
    assert sorted(number for _, number, _ in rows) == list(range(ORDERS)), station.log()[-3000:]
    records = await station.kafka.read(station.receipts, at_least=ORDERS, within=30)
    order = numbers_by_key(records)
    assert sorted(number for numbers in order.values() for number in numbers) == list(range(ORDERS))
    for numbers in order.values():
        assert numbers == sorted(numbers)


async def finish(station) -> None:
    last = station.start()
    try:
        await check_both_ends(station)
    finally:
        station.signal(last, signal.SIGTERM)
        code = await station.ended(last)
    assert code == 0
    assert not await station.fetch("SELECT 1 FROM station.dead_letters")


@pytest.mark.parametrize("point", CONSUME_TO_COMMIT + OUTBOX_TO_ACK)
async def test_killed_on_two_consecutive_starts_loses_and_doubles_nothing(station, point: str) -> None:
    for half in (range(ORDERS // 2), range(ORDERS // 2, ORDERS)):
        await station.send(half[:-1])
        # Under a key of its own: what stands behind something left over is the relay's, and the process is killed at its own hand-over.
        await station.send(half[-1:], keys=ORDERS)
        killed = station.start(failpoints=f"{point}=exit@1")
        assert await station.ended(killed) == EXIT_CODE, station.log()[-3000:]
    await finish(station)


@pytest.mark.parametrize("point", RELAY_TO_ACK)
async def test_the_relay_is_killed_while_it_sends_what_another_crash_left(station, point: str) -> None:
    await station.send(range(ORDERS))
    killed = station.start(failpoints="outbox.after_commit=exit@1")
    assert await station.ended(killed) == EXIT_CODE
    left = await station.fetch("SELECT count(*) AS n FROM station.outbox WHERE published_at IS NULL")
    assert left[0]["n"] > 0, "nothing was left over, so the relay has nothing to be killed at"
    killed = station.start(failpoints=f"{point}=exit@1")
    assert await station.ended(killed) == EXIT_CODE, station.log()[-3000:]
    await finish(station)


async def test_a_crash_after_the_acknowledgement_sends_again_under_the_same_id(station) -> None:
    await station.send(range(1))
    killed = station.start(failpoints="outbox.after_ack=exit@1")
    assert await station.ended(killed) == EXIT_CODE
    again = station.start()
    records = await station.kafka.read(station.receipts, at_least=2, within=30)
    assert len({dict(record.headers)["ce_id"] for record in records}) == 1
    station.signal(again, signal.SIGTERM)
    assert await station.ended(again) == 0
    assert len(await station.ledger()) == 1
