"""`python -m flowtower_demo.traffic`: keeps orders coming, and has the workflow run over them again and again.

It is two programs of somebody else in one: a shop that produces orders to Kafka, with a sample of its own figures, and a
clerk who starts a run every minute over the API. What a run has moved is removed from the topic, so that it stays small.
"""

import asyncio
import itertools
import json
import random
import sys
import uuid
from collections.abc import Iterator

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaError

from flowtower_demo.scene import TOPIC, WORKFLOW, Scene
from flowtower_demo.tower import Account, Refused, Tower

PARTITIONS = 4
ORDERS_PER_SECOND = 10
FIRST_ORDERS = 300
RUN_EVERY_SECONDS = 45.0
SAMPLES = "metrics.samples.v1"
_AGAIN_SECONDS = 3.0


def orders(seed: int | None = None) -> Iterator[tuple[str, dict[str, object]]]:
    """Customers and their orders, without end."""
    chance = random.Random(seed)  # noqa: S311 - figures for a demo
    for number in itertools.count(1):
        customer = f"customer-{chance.randrange(40):02}"
        yield (
            customer,
            {
                "order_id": str(uuid.uuid4()),
                "number": number,
                "customer": customer,
                "article": chance.choice(("lamp", "desk", "chair", "shelf", "rug")),
                "pieces": chance.randint(1, 5),
                "price": round(chance.uniform(5, 400), 2),
            },
        )


async def ensure_topic(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        if TOPIC not in await admin.list_topics():
            await admin.create_topics([NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1)])
    finally:
        await admin.close()


def sample() -> bytes:
    """What the shop tells of itself, as any program outside may."""
    return json.dumps({"source": "demo-shop", "samples": [{"name": "orders_per_second", "value": ORDERS_PER_SECOND}]}).encode()


async def keep_shop(kafka: str) -> None:
    """A burst first, so that the first run has something to move; then a steady flow."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        coming = orders()
        for customer, order in itertools.islice(coming, FIRST_ORDERS):
            await producer.send(TOPIC, json.dumps(order).encode(), key=customer.encode())
        await producer.flush()
        for second in itertools.count():
            for customer, order in itertools.islice(coming, ORDERS_PER_SECOND):
                await producer.send(TOPIC, json.dumps(order).encode(), key=customer.encode())
            await producer.flush()
            if second % 10 == 0:
                await producer.send_and_wait(SAMPLES, sample(), key=b"demo-shop")
            await asyncio.sleep(1)
    finally:
        await producer.stop()


async def positions(kafka: str) -> dict[TopicPartition, int]:
    """Where the topic ends now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets([TopicPartition(TOPIC, number) for number in range(PARTITIONS)])
        return found
    finally:
        await consumer.stop()


async def forget(kafka: str, before: dict[TopicPartition, int]) -> None:
    """Remove what stands before these positions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({partition: RecordsToDelete(offset) for partition, offset in before.items()})
    finally:
        await admin.close()


def run_once(scene: Scene, account: Account) -> str:
    """Start a run and wait for its end."""
    with Tower.signed_in(scene, account) as tower:
        run_id = tower.post("/api/runs/", {"workflow": WORKFLOW})["run_id"]
        return tower.outcome(str(run_id), within=600)


async def keep_clerk(scene: Scene) -> None:
    while True:
        account = Account.kept(scene)
        if account is None:
            await asyncio.sleep(_AGAIN_SECONDS)  # nobody has signed up yet
            continue
        ends = await positions(scene.kafka)
        try:
            status = await asyncio.to_thread(run_once, scene, account)
        except (httpx.HTTPError, Refused) as error:
            print(f"no run could be started: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(_AGAIN_SECONDS)
            continue
        print(f"a run ended: {status}", flush=True)
        if status == "succeeded":
            await forget(scene.kafka, ends)
        await asyncio.sleep(RUN_EVERY_SECONDS)


async def main() -> None:
    """Kafka or Flowtower away: wait and go on, as any client has to."""
    scene = Scene.read()
    while True:
        try:
            await ensure_topic(scene.kafka)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(keep_shop(scene.kafka))
                tasks.create_task(keep_clerk(scene))
        except* (KafkaError, OSError) as errors:
            print(f"Kafka is away: {errors.exceptions[0]}", file=sys.stderr, flush=True)
        await asyncio.sleep(_AGAIN_SECONDS)


if __name__ == "__main__":
    asyncio.run(main())
