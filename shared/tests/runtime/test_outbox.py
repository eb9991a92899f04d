"""State and messages leave together, in order per key, and nothing stays behind."""

import asyncio

import pytest
from sqlalchemy import text

from shared.contracts.topics import MAX_MESSAGE_BYTES
from shared.runtime import failpoints
from shared.runtime.delivery import Outbox, relay, transaction
from shared.runtime.delivery.transaction import MessageTooLarge
from shared.runtime.kafka_topics import create_missing, wanted
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected


@pytest.fixture
async def topic(kafka, notes):
    await create_missing(kafka.bootstrap, [wanted(notes)], 1)
    return notes


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Figures that let a relay come within seconds."""
    monkeypatch.setattr(transaction, "HELD_SECONDS", 0.5)
    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(relay, "LEASE_SECONDS", 1.5)


@pytest.fixture
def no_failpoints():
    yield
    failpoints.configure("")


async def pending(database) -> int:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")


async def test_a_commit_publishes_at_once_and_marks_after_the_acknowledgement(outbox, database, topic, kafka) -> None:
    async with outbox.transaction() as tx:
        ids = [tx.publish(topic, topic.message(number=number), key=f"k{number % 3}") for number in range(30)]
    records = await kafka.read(topic.name, at_least=30)
    assert {dict(record.headers)["ce_id"].decode() for record in records} == set(ids)
    by_key: dict[bytes, list[str]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(dict(record.headers)["ce_id"].decode())
    for key, order in by_key.items():
        assert order == [identity for number, identity in enumerate(ids) if f"k{number % 3}".encode() == key]

    async def all_marked() -> bool:
        return await pending(database) == 0

    await eventually(all_marked, within=5, about="every row marked")


async def test_a_busy_key_goes_on_directly(outbox, topic, kafka) -> None:
    """Each transaction may see its forerunner's row as open and find it through by its own commit: none of that needs the relay."""
    for number in range(150):
        async with outbox.transaction() as tx:
            tx.publish(topic, topic.message(number=number), key="hot")
    records = await kafka.read(topic.name, at_least=150, within=8)
    assert [record.value for record in records] == [b'{"number":%d,"text":""}' % number for number in range(150)]


async def test_nothing_leaves_a_transaction_that_is_rolled_back(outbox, database, topic, kafka) -> None:
    called = []
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  (the block is the transaction)
        async with outbox.transaction() as tx:
            await tx.session.execute(text("INSERT INTO ledger (key, number, worker) VALUES ('k', 1, 'w')"))
            tx.publish(topic, topic.message(number=1), key="k")
            tx.after_commit(lambda: called.append(1))
            raise ZeroDivisionError
    async with outbox.transaction() as tx:
        tx.publish(topic, topic.message(number=2), key="k")
        tx.after_commit(lambda: called.append(2))
    records = await kafka.read(topic.name, at_least=1)
    assert [record.value for record in records] == [b'{"number":2,"text":""}']
    assert called == [2]
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM ledger") == 0


async def test_none_is_a_tombstone(outbox, topic, kafka) -> None:
    async with outbox.transaction() as tx:
        tx.publish(topic, None, key="gone")
    (record,) = await kafka.read(topic.name, at_least=1)
    assert (record.key, record.value) == (b"gone", None)
    assert dict(record.headers)["ce_type"].endswith(b".Removed")


async def test_a_message_that_no_topic_takes_is_refused_before_anything_happens(outbox, topic, database) -> None:
    with pytest.raises(MessageTooLarge, match="the most is"):
        async with outbox.transaction() as tx:
            tx.publish(topic, topic.message(number=1, text="x" * MAX_MESSAGE_BYTES), key="k")
    assert await pending(database) == 0


@pytest.mark.usefixtures("hasty", "no_failpoints")
async def test_the_relay_sends_what_its_process_did_not(database, producer, topic, kafka) -> None:
    failpoints.configure("outbox.before_send=raise")
    outbox = Outbox(database, producer)
    await outbox.start()
    try:
        for number in range(6):
            async with outbox.transaction() as tx:
                tx.publish(topic, topic.message(number=number), key="k")
        records = await kafka.read(topic.name, at_least=6)
    finally:
        await outbox.stop()
    assert [record.value for record in records] == [b'{"number":%d,"text":""}' % number for number in range(6)]
    assert await pending(database) == 0


@pytest.mark.usefixtures("hasty", "no_failpoints")
async def test_a_send_without_an_answer_is_repeated_under_the_same_id(database, producer, topic, kafka) -> None:
    failpoints.configure("outbox.after_ack=raise@1")
    outbox = Outbox(database, producer)
    await outbox.start()
    try:
        async with outbox.transaction() as tx:
            identity = tx.publish(topic, topic.message(number=1), key="k")
        records = await kafka.read(topic.name, at_least=2)
    finally:
        await outbox.stop()
    assert [dict(record.headers)["ce_id"].decode() for record in records] == [identity, identity]


@pytest.mark.usefixtures("hasty")
async def test_a_row_does_not_overtake_an_older_one_of_its_key(outbox, database, topic, kafka) -> None:
    """The older row is one that another process wrote and did not send; it is under that process's hold for a while."""
    async with database.connection() as connection:
        await connection.execute(
            """INSERT INTO outbox (topic, key, value, headers, held_until)
            VALUES ($1, 'k', 'older', '[]', clock_timestamp() + interval '1 second')""",
            topic.name,
        )
    async with outbox.transaction() as tx:
        tx.publish(topic, topic.message(number=1), key="k")
        tx.publish(topic, topic.message(number=2), key="other")
    records = await kafka.read(topic.name, at_least=3)
    assert [record.value for record in records if record.key == b"k"] == [b"older", b'{"number":1,"text":""}']


@pytest.mark.usefixtures("hasty")
async def test_two_relays_send_left_over_rows_once(database, producer, topic, kafka) -> None:
    async with database.connection() as connection:
        for number in range(50):
            await connection.execute(
                "INSERT INTO outbox (topic, key, value, headers, held_until) VALUES ($1, 'k', $2, '[]', clock_timestamp())",
                topic.name,
                str(number).encode(),
            )
    boxes = [Outbox(database, producer) for _ in range(3)]
    await asyncio.gather(*(box.start() for box in boxes))
    try:
        records = await kafka.read(topic.name, at_least=50)
        await asyncio.sleep(0.5)
        records = await kafka.read(topic.name, at_least=50)
    finally:
        await asyncio.gather(*(box.stop() for box in boxes))
    assert [record.value for record in records] == [str(number).encode() for number in range(50)]
    assert await pending(database) == 0


async def test_a_producer_that_broke_for_good_is_replaced(outbox, producer, topic, kafka) -> None:
    async with outbox.transaction() as tx:
        tx.publish(topic, topic.message(number=1), key="k")
    await kafka.read(topic.name, at_least=1)
    broken = producer._producer
    await broken.stop()
    async with outbox.transaction() as tx:
        tx.publish(topic, topic.message(number=2), key="other")

    async def replaced() -> bool:
        async with outbox.transaction() as tx:
            tx.publish(topic, topic.message(number=3), key="third")
        return producer._producer is not None and producer._producer is not broken

    await eventually(replaced, within=10, every=0.3, about="a new producer")
    assert any(record.key == b"third" for record in await kafka.read(topic.name, at_least=2))
