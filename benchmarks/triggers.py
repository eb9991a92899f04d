"""A storm on a topic with a trigger: 100,000 messages that all match, from the topic into firings, beside a bare consumer loop.

One real executor runs the trigger, and the runs that it asks for (of one component that does nothing). It is stopped while the topic
is filled, so that its own time begins when it comes back and has read the first batch: by the database's clock, from the first firing
that stands to the last. The bare loop reads the same topic before and after it, a thousand messages at a time, parses each and commits
one row for each with a unique name: what anybody would write who wants a message to act once.
"""

import asyncio
import json
import os
import statistics
import time
import uuid

import asyncpg
import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks._engine import Driver, Stage
from benchmarks._figures import note
from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.topics import ENDPOINTS_REGISTRY, TRIGGERS_EVENTS, WORKFLOWS_REGISTRY
from shared.contracts.workflows import Component, KafkaTrigger, WorkflowDefinition, WorkflowPublished
from shared.runtime import clock
from shared.testing.wait import eventually

MESSAGES = int(os.environ.get("BENCH_FIRINGS", "100000"))
LONGEST_SECONDS = 170
"""For all firings, and as long again for the runs that they ask for."""
PARTITIONS = 3
TOPIC, WORKFLOW = "storm.orders", "storm"
_FIRED = "SELECT count(*), extract(epoch FROM min(fired_at)), extract(epoch FROM max(fired_at)) FROM trigger_firings WHERE workflow_id = $1"
_BEGUN = "SELECT count(*), extract(epoch FROM min(started_at)), extract(epoch FROM max(started_at)) FROM runs WHERE workflow_id = $1"


async def fill(bootstrap: str) -> None:
    """Send the orders, over all partitions."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20, max_batch_size=500_000)
    await producer.start()
    for first in range(0, MESSAGES, 10_000):
        numbers = range(first, min(first + 10_000, MESSAGES))
        sent = [await producer.send(TOPIC, b'{"id":%d,"total":12.5}' % number, key=b"%d" % (number % 500)) for number in numbers]
        await asyncio.gather(*sent)
    await producer.stop()


async def bare(bootstrap: str, dsn: str) -> float:
    """Return messages per second of a loop that enters each message once, and commits its offsets behind that."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS public.bare_firings (id text PRIMARY KEY, run text, body bytea)")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=f"bare-{uuid.uuid4().hex[:8]}", auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([TopicPartition(TOPIC, number) for number in range(PARTITIONS)])
    began, taken = time.perf_counter(), 0
    insert = "INSERT INTO public.bare_firings SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[]) ON CONFLICT DO NOTHING"
    while taken < MESSAGES:
        found = [record for records in (await consumer.getmany(timeout_ms=500, max_records=1000)).values() for record in records]
        fitting = [record for record in found if json.loads(record.value)["total"] > 10]
        ids = [f"{record.partition}:{record.offset}" for record in fitting]
        await connection.execute(insert, ids, [uuid.uuid4().hex for _ in fitting], [record.value for record in fitting])
        await consumer.commit()
        taken += len(found)
    rate = taken / (time.perf_counter() - began)
    await consumer.stop()
    await connection.execute("DROP TABLE public.bare_firings")
    await connection.close()
    return rate


async def publish(driver: Driver, bootstrap: str) -> None:
    """Make the endpoint and the workflow known, whose trigger starts one run for each order."""
    endpoint = EndpointRegistered(endpoint_id="bench-kafka", name="bench-kafka", kind="kafka", options={"bootstrap_servers": bootstrap})
    await driver.producer.send_and_wait(ENDPOINTS_REGISTRY.name, ENDPOINTS_REGISTRY.encode(endpoint), key=b"bench-kafka")
    trigger = KafkaTrigger(
        name="orders", endpoint="bench-kafka", topic=TOPIC, filter="value.total > 10", map={"id": "value.id"}, most_per_minute=100_000
    )
    definition = WorkflowDefinition(workflow=WORKFLOW, components=(Component(name="A", kind="trivial"),), triggers=(trigger,))
    published = WorkflowPublished(workflow_id=WORKFLOW, version=1, definition=definition, published_at=clock.now())
    await driver.producer.send_and_wait(WORKFLOWS_REGISTRY.name, WORKFLOWS_REGISTRY.encode(published), key=f"{WORKFLOW}:1".encode())


async def events(bootstrap: str) -> int:
    """Return how many events tell of the firings."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    parts = [TopicPartition(TRIGGERS_EVENTS.name, number) for number in range(TRIGGERS_EVENTS.partitions)]
    consumer.assign(parts)
    ends, told = await consumer.end_offsets(parts), 0
    for part, end in ends.items():
        while await consumer.position(part) < end:
            for records in (await consumer.getmany(part, timeout_ms=500)).values():
                told += sum(getattr(TRIGGERS_EVENTS.decode(record.value), "result", "") == "started" for record in records)
    await consumer.stop()
    return told


async def stands(bootstrap: str) -> bool:
    """Say whether the trigger has kept its place on every partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"flowtower.trigger.{WORKFLOW}.orders")
    await consumer.start()
    try:
        return all([await consumer.committed(TopicPartition(TOPIC, number)) is not None for number in range(PARTITIONS)])
    finally:
        await consumer.stop()


async def storm(stage: Stage) -> tuple[float, float, int]:
    """Let the executor come back; return the seconds until all fired and until all runs had begun, and its highest memory in MB."""
    await asyncio.to_thread(stage.start)
    process, most, seconds = psutil.Process(stage.executor.pid), 0, []
    async with stage.database() as connection:
        for query in (_FIRED, _BEGUN):
            until = time.monotonic() + LONGEST_SECONDS
            while (found := await connection.fetchrow(query, WORKFLOW))[0] < MESSAGES:
                if time.monotonic() > until:
                    raise RuntimeError(f"{found[0]} of {MESSAGES} after {LONGEST_SECONDS} s")
                most = max(most, process.memory_info().rss)
                await asyncio.sleep(1)
            seconds.append(float(found[2]))
            if found[0] != MESSAGES:
                raise RuntimeError(f"{found[0]} instead of {MESSAGES}")
        began = float((await connection.fetchrow(_FIRED, WORKFLOW))[1])
    return seconds[0] - began, seconds[1] - began, most // 1_000_000


async def measure(stage: Stage) -> None:
    bootstrap = stage.kafka.bootstrap
    driver = Driver(stage)
    await driver.start()
    await stage.kafka.create_topic(TOPIC, partitions=PARTITIONS)
    await publish(driver, bootstrap)
    await eventually(lambda: stands(bootstrap), within=60, every=0.5, about="the trigger listens")
    await driver.stop()
    await asyncio.to_thread(stage.executor.stop)
    await fill(bootstrap)
    before = await bare(bootstrap, stage.dsn)
    fired, begun, memory = await storm(stage)
    peer = statistics.mean((before, await bare(bootstrap, stage.dsn)))
    ours = MESSAGES / fired
    note(
        "triggers",
        f"a topic's {MESSAGES:,} messages that all match, into firings",
        f"{ours / peer:.2f} × ({ours:.0f} firings/s, {fired:.0f} s)",
        beside=f"a bare loop Kafka → one row each: {peer:.0f}/s",
    )
    note(
        "triggers",
        "until the last run of the storm has begun",
        f"{begun:.0f} s ({MESSAGES / begun:.0f} runs/s)",
        beside="the same executor",
    )
    note("triggers", "the executor's memory at most", f"{memory} MB", beside=f"{await events(bootstrap)} events tell of the firings")


def main() -> None:
    stage = Stage()
    try:
        uvloop.run(measure(stage))
    finally:
        stage.stop()


if __name__ == "__main__":
    main()
