"""What becomes of messages: good, poisonous, repeated, refused, and of the ones behind them."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from sqlalchemy import text

from shared.runtime import tracing
from shared.runtime.consumer import Bus, Reject
from shared.runtime.parts import Readiness
from shared.runtime.tracing import continue_trace
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module", autouse=True)
def spans() -> None:
    tracing.configure("station", instance="0", otlp_endpoint=None)


class Keeper:
    """A handler that keeps what it got."""

    def __init__(self) -> None:
        self.events = []

    async def __call__(self, _transaction, events) -> None:
        self.events.extend(events)

    async def has(self, count: int):
        await eventually(lambda: len(self.events) >= count, within=20, every=0.05, about=f"{count} events")
        return self.events


def dead(topic) -> str:
    return topic.dead_letter(f"station.{topic.name}")


async def test_plain_json_without_headers_is_accepted_and_given_them(consuming, notes, outside) -> None:
    keeper = Keeper()
    async with consuming(notes, keeper):
        sent = await outside.send_and_wait(notes.name, b'{"number": 7, "unknown": true}', key=b"a")
        (event,) = await keeper.has(1)
    assert event.event.number == 7
    assert event.event_id == f"{notes.name}:{sent.partition}:{sent.offset}:{sent.timestamp}"
    assert (event.type, event.source, event.key) == (notes.name, "external", "a")
    assert event.time == datetime.fromtimestamp(sent.timestamp / 1000, UTC)
    assert event.traceparent is None


async def test_our_headers_are_read(consuming, notes, outbox) -> None:
    keeper = Keeper()
    async with consuming(notes, keeper):
        with continue_trace(f"00-{TRACE}-00f067aa0ba902b7-01"):
            async with outbox.transaction() as transaction:
                event_id = transaction.publish(notes, notes.message(number=1), key="k")
        (event,) = await keeper.has(1)
    assert (event.event_id, event.key, event.source) == (event_id, "k", "/flowtower/station")
    assert event.type == f"flowtower.{notes.name}.Note"
    assert event.traceparent == f"00-{TRACE}-00f067aa0ba902b7-01"


async def test_the_trace_goes_on_through_a_handler(consuming, notes, outside, kafka) -> None:
    async def handler(transaction, events) -> None:
        for event in events:
            if event.event.number == 1:
                transaction.publish(notes, notes.message(number=2), key="k")

    async with consuming(notes, handler):
        await outside.send_and_wait(
            notes.name, b'{"number":1}', key=b"k", headers=[("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())]
        )
        records = await kafka.read(notes.name, at_least=2)
    written = dict(next(record.headers for record in records if record.value == b'{"number":2,"text":""}'))["traceparent"].decode()
    assert written.split("-")[1] == TRACE
    assert written.split("-")[2] != "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (b"\xff\xfe not json", "undecodable", "JSON"),
        (b'{"number":', "undecodable", "JSON"),
        (b"[" * 200_000, "undecodable", "JSON"),
        (b'{"number": "many"}', "invalid", "number"),
        (b"{}", "invalid", "number: Field required"),
        (b"NaN", "invalid", "message"),
    ],
)
async def test_poison_is_set_aside_at_once_and_the_next_message_is_handled(
    consuming, notes, outside, kafka, database, value, kind, reason
) -> None:
    keeper = Keeper()
    headers = [("x-odd", b"\xff\xfe\x00"), ("ce_id", b"poison-1")]
    async with consuming(notes, keeper):
        began = time.monotonic()
        bad = await outside.send_and_wait(
            notes.name, value, partition=0, key=b"\x00\xff" if kind == "undecodable" else b"k", headers=headers
        )
        await outside.send_and_wait(notes.name, b'{"number": 2}', partition=0, key=b"k")
        events = await keeper.has(1)
        assert time.monotonic() - began < 2
        (letter,) = await kafka.read(dead(notes), at_least=1)
    assert [event.event.number for event in events] == [2]
    told = dict(letter.headers)
    assert letter.value == value
    assert letter.headers[:2] == tuple(headers)
    assert told["dl_kind"] == kind.encode()
    assert reason in told["dl_reason"].decode()
    assert (told["dl_topic"], told["dl_partition"], told["dl_offset"]) == (notes.name.encode(), b"0", str(bad.offset).encode())
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT value, kind, tries, event_id FROM dead_letters")
    assert [(row["value"], row["kind"], row["tries"], row["event_id"]) for row in rows] == [(value, kind, 1, "poison-1")]


async def test_the_reason_of_a_dead_letter_tells_fields_and_no_values(consuming, notes, outside, kafka) -> None:
    async with consuming(notes, Keeper()):
        await outside.send_and_wait(notes.name, b'{"number": "hunter2-is-my-password"}', key=b"k")
        (letter,) = await kafka.read(dead(notes), at_least=1)
    assert b"hunter2" not in dict(letter.headers)["dl_reason"]


async def test_a_tombstone_is_an_event_without_a_body(consuming, notes, outside) -> None:
    keeper = Keeper()
    async with consuming(notes, keeper):
        await outside.send_and_wait(notes.name, None, key=b"gone")
        (event,) = await keeper.has(1)
    assert (event.event, event.key) == (None, "gone")


async def test_an_event_id_is_handled_once_within_and_across_batches(consuming, notes, outside) -> None:
    keeper = Keeper()
    headers = [("ce_id", b"same")]
    async with consuming(notes, keeper):
        await asyncio.gather(*[await outside.send(notes.name, b'{"number":1}', key=b"k", headers=headers) for _ in range(3)])
        await keeper.has(1)
        await outside.send_and_wait(notes.name, b'{"number":1}', key=b"k", headers=headers)
        await outside.send_and_wait(notes.name, b'{"number":2}', key=b"k")
        events = await keeper.has(2)
    assert [event.event.number for event in events] == [1, 2]


async def test_what_a_handler_rejects_is_set_aside_and_its_neighbours_are_handled(consuming, notes, outside, kafka) -> None:
    kept = []

    async def handler(transaction, events) -> None:
        for event in events:
            if event.event.number == 2:
                raise Reject("two is not taken")
            transaction.after_commit(lambda number=event.event.number: kept.append(number))

    async with consuming(notes, handler):
        await asyncio.gather(*[await outside.send(notes.name, b'{"number":%d}' % number, partition=0) for number in range(1, 5)])
        await eventually(lambda: kept == [1, 3, 4], within=10, about="1, 3, 4")
        (letter,) = await kafka.read(dead(notes), at_least=1)
    told = dict(letter.headers)
    assert (told["dl_kind"], told["dl_reason"], told["dl_tries"], letter.value) == (b"rejected", b"two is not taken", b"1", b'{"number":2}')


async def test_a_handler_that_fails_for_good_gets_three_tries_and_its_effects_are_undone(
    consuming, notes, outside, kafka, database
) -> None:
    tries = []

    async def handler(transaction, events) -> None:
        for event in events:
            await transaction.session.execute(
                text("INSERT INTO ledger (key, number, worker) VALUES ('k', :number, 'w')"), {"number": event.event.number}
            )
            if event.event.number == 2:
                tries.append(time.monotonic())
                raise ZeroDivisionError("by two")

    async with consuming(notes, handler):
        await asyncio.gather(*[await outside.send(notes.name, b'{"number":%d}' % number, partition=0) for number in (1, 2, 3)])
        (letter,) = await kafka.read(dead(notes), at_least=1)
        await asyncio.sleep(0.5)
    assert dict(letter.headers)["dl_reason"] == b"ZeroDivisionError: by two"
    # One more when it was first seen in a batch together with others.
    assert 3 <= len(tries) <= 4
    async with database.connection() as connection:
        assert [row["number"] for row in await connection.fetch("SELECT number FROM ledger ORDER BY id")] == [1, 3]


async def test_offsets_are_committed_up_to_what_is_finished(consuming, notes, outside, kafka) -> None:
    keeper = Keeper()
    async with consuming(notes, keeper):
        for number in range(5):
            await outside.send_and_wait(notes.name, b'{"number":%d}' % number, partition=1)
        await keeper.has(5)
    group = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=f"station.{notes.name}", enable_auto_commit=False)
    await group.start()
    try:
        assert await group.committed(TopicPartition(notes.name, 1)) == 5
        assert not await group.committed(TopicPartition(notes.name, 0))
    finally:
        await group.stop()


async def test_two_subscriptions_cannot_share_a_group(settings, database, outbox, notes) -> None:
    bus = Bus(settings, "station", database, outbox, Readiness())
    bus.consume(notes, Keeper(), use="notes")
    with pytest.raises(ValueError, match="use of its own"):
        bus.consume(notes, Keeper(), use="notes")
