"""Orders for the tests of flows: filling a topic, and comparing both ends per key."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.testing.kafka import KafkaPart


async def fill(kafka: KafkaPart, topic: str, count: int, *, keys: int = 50, partitions: int = 4) -> list[tuple[str, bytes]]:
    """Create a topic with ``count`` orders over ``keys`` keys; return (key, value) in the order of their sending."""
    await kafka.create_topic(topic, partitions=partitions)
    sent = []
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        futures = []
        for number in range(count):
            key = f"customer-{number % keys}"
            value = json.dumps({"order": number, "customer": key, "note": "ø ✓ \\u0000"}, ensure_ascii=number % 2 == 0).encode()
            sent.append((key, value))
            futures.append(await producer.send(topic, value, key=key.encode(), headers=[("shop", b"eu")]))
        for future in futures:
            await future
    finally:
        await producer.stop()
    return sent


def by_key(messages: Iterable[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    """Return the values of each key in their order."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for key, value in messages:
        found[key].append(value)
    return dict(found)


def order_key(body: bytes) -> str:
    """Return the key that ``fill`` gave an order."""
    key: str = json.loads(body)["customer"]
    return key


def component(run: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return one component of a run."""
    return next(dict(item) for item in run["components"] if item["component"] == name)
