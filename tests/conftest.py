"""What the tests of the whole share: a signed-in API, and a plain Kafka producer that knows nothing of Flowtower."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaProducer

from shared.testing.kafka import KafkaPart
from shared.testing.rabbitmq import RabbitPart
from shared.testing.receiver import Receiver
from shared.testing.tower import Api, Tower


@pytest.fixture(scope="session")
async def api(tower: Tower) -> AsyncIterator[Api]:
    client = await tower.sign_in()
    yield Api(client)
    await client.aclose()


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


@pytest.fixture(scope="session")
async def flows(api: Api, kafka: KafkaPart, rabbitmq: RabbitPart, receiver: Receiver) -> Api:
    """Give an API where the endpoints prod-kafka, orders-mq and order-service are registered."""
    mq = urlsplit(rabbitmq.url)
    assert mq.password
    await api.endpoint("prod-kafka", "kafka", {"bootstrap_servers": kafka.bootstrap})
    options = {"host": mq.hostname, "port": mq.port, "username": mq.username}
    shown = await api.endpoint("orders-mq", "mq", options, {"password": mq.password})
    assert "password" not in shown["options"]
    assert mq.password not in str(shown.get("secrets"))
    await api.endpoint("order-service", "service", {"base_url": receiver.base_url})
    return api
