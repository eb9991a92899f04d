"""A consumer is closed without cancelling whoever closes it."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError
from aiokafka.structs import TopicPartition

from shared.runtime.kafka_closing import close


class Client:
    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Consumer:
    """Ends as it is told to."""

    def __init__(self, ends: BaseException | None = None, seconds: float = 0.0) -> None:
        self._client = Client()
        self._ends, self._seconds = ends, seconds

    async def stop(self) -> None:
        await asyncio.sleep(self._seconds)
        if self._ends is not None:
            raise self._ends
        await self._client.close()


async def test_the_clients_own_cancelling_is_not_ours() -> None:
    consumer = Consumer(asyncio.CancelledError())
    await close(consumer)
    assert consumer._client.closed
    plain = Consumer()
    await close(plain)
    assert plain._client.closed
    with pytest.raises(KafkaConnectionError):
        await close(Consumer(KafkaConnectionError("away")))


async def test_who_is_really_cancelled_is_cancelled() -> None:
    closing = asyncio.create_task(close(Consumer(seconds=5)))
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing


async def test_a_real_consumer_whose_broker_is_away_is_closed() -> None:
    """Its fetch has failed and waits before it tries again; just then it is closed."""
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", retry_backoff_ms=5000)
    closed = Client()
    failed = asyncio.Event()

    async def away(*_: object, **__: object) -> None:
        failed.set()
        raise NodeNotReadyError("away")

    await _as_started(consumer)
    client = consumer._client
    client.cluster.leader_for_partition = lambda _: 1
    client.send, client.close = away, closed.close
    place = TopicPartition("t", 0)
    consumer.assign([place])
    consumer.seek(place, 0)
    async with asyncio.timeout(10):
        await failed.wait()
        await close(consumer)
    assert closed.closed


async def _as_started(consumer: AIOKafkaConsumer) -> None:
    """Give it its fetcher and its coordinator, as ``start`` does once it has reached a broker."""

    async def reached(*_: object, **__: object) -> None:
        return None

    consumer._client.bootstrap = consumer._client._wait_on_metadata = reached
    try:
        await consumer.start()
    except KafkaError as error:
        raise AssertionError("it must begin without a broker") from error
