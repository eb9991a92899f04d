"""What the system tests share: a signed-in API, and a plain Kafka producer that knows nothing of Flowtower."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from shared.testing.kafka import KafkaPart
from shared.testing.receiver import Receiver
from shared.testing.tower import Api, Tower


@pytest.fixture(scope="session")
async def api(tower: Tower) -> AsyncIterator[Api]:
    async with await tower.sign_in() as client:
        yield Api(client)


@pytest.fixture(scope="session")
async def outside(kafka: KafkaPart) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer as somebody else would write it: bytes in, no headers, no ids."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture(scope="session")
async def bell(api: Api, receiver: Receiver) -> str:
    """Publish a workflow that calls the receiver once and may be started by events; return its name."""
    await api.endpoint("bell", "service", {"base_url": receiver.base_url})
    await api.workflow(
        "workflow: ring-the-bell\n"
        "components:\n"
        "  Bell: {kind: service, endpoint: bell, path: /ring, deliver: once, retry: {strategy: fixed, every: 1s, attempts: 3}}\n"
        "triggers:\n"
        "  - {kind: event}\n"
    )
    return "ring-the-bell"
