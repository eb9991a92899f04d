"""Kafka → RabbitMQ with publisher confirms: a run's transfer beside a bare aiokafka → aio-pika loop, in the same rounds.

Both read the same topic (200 B, 3 partitions) into a fresh durable classic queue with persistent, mandatory, confirmed messages;
the bare loop gathers 500 publishes at a time and keeps no checkpoint. The run's time is from its queue component's first
attempt to its outcome, so it includes the connections and the checkpoints.
"""

import asyncio
import os
import time
import uuid
from typing import Any

import aio_pika
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks._engine import Driver, Stage
from benchmarks._figures import medians, note
from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.runs import StartRun
from shared.contracts.topics import ENDPOINTS_REGISTRY, RUNS_COMMANDS, RUNS_OUTCOMES, WORKFLOWS_REGISTRY
from shared.contracts.workflows import Component, Connection, ExponentialRetry, WorkflowDefinition, WorkflowPublished
from shared.runtime import clock
from shared.testing.rabbitmq import RabbitPart

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "30000"))
BAR = 0.8
TOPIC = "replay.source"


async def fill(bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20, max_batch_size=500_000)
    await producer.start()
    futures = [await producer.send(TOPIC, os.urandom(100) + b"x" * 100, key=b"%d" % (number % 500)) for number in range(MESSAGES)]
    await asyncio.gather(*futures)
    await producer.stop()


async def bare(bootstrap: str, url: str) -> float:
    """Return messages per second of the loop that anybody would write first."""
    queue = f"bare-{uuid.uuid4().hex[:8]}"
    began = time.perf_counter()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    parts = [TopicPartition(TOPIC, number) for number in range(3)]
    consumer.assign(parts)
    ends = await consumer.end_offsets(parts)
    await consumer.seek_to_beginning(*parts)
    connection = await aio_pika.connect(url)
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.declare_queue(queue, durable=True)
    moved = 0
    while moved < sum(ends.values()):
        for records in (await consumer.getmany(timeout_ms=500, max_records=500)).values():
            messages = [
                aio_pika.Message(record.value, headers={"key": record.key.decode()}, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                for record in records
            ]
            await asyncio.gather(*(channel.default_exchange.publish(message, routing_key=queue, mandatory=True) for message in messages))
            moved += len(records)
    rate = moved / (time.perf_counter() - began)
    await channel.queue_delete(queue)
    await connection.close()
    await consumer.stop()
    return rate


async def transfer(driver: Driver, rabbit: RabbitPart, number: int) -> float:
    """Return messages per second of a run."""
    queue, workflow = f"run-{uuid.uuid4().hex[:8]}", f"replay-{number}"
    components = (
        Component(name="Topic", kind="kafka", endpoint="bench-kafka", options={"topic": TOPIC}, retry=ExponentialRetry()),
        Component(name="Queue", kind="mq", endpoint="bench-mq", options={"queue": queue, "declare": True}),
    )
    joined = (Connection(source="Topic", target="Queue", kind="kafka-to-mq"),)
    definition = WorkflowDefinition(workflow=workflow, components=components, connections=joined)
    published = WorkflowPublished(workflow_id=workflow, version=1, definition=definition, published_at=clock.now())
    await driver.producer.send_and_wait(WORKFLOWS_REGISTRY.name, WORKFLOWS_REGISTRY.encode(published), key=f"{workflow}:1".encode())
    run = uuid.uuid4().hex
    command = StartRun(workflow=workflow, version=1, run_id=run)
    await driver.send([(run.encode(), RUNS_COMMANDS.encode(command))])
    began: Any = None
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for records in (await driver.consumer.getmany(timeout_ms=500)).values():
            for record in records:
                event = RUNS_OUTCOMES.decode(record.value)
                if event.run_id != run:
                    continue
                if event.event == "attempt.started" and event.component == "Queue":
                    began = event.at
                if event.event == "run.finished":
                    if event.status != "succeeded":
                        raise RuntimeError(f"the run {event.status}")
                    async with rabbit.admin() as queues:
                        there = await queues.count(queue)
                        if there != MESSAGES:
                            raise RuntimeError(f"{there} of {MESSAGES} messages in the queue")
                        await queues.delete(queue)
                    return MESSAGES / float((event.at - began).total_seconds())
    raise RuntimeError("the run did not end")


async def measure(stage: Stage, rabbit: RabbitPart) -> None:
    driver = Driver(stage)
    await driver.start()
    await stage.kafka.create_topic(TOPIC, partitions=3)
    await fill(stage.kafka.bootstrap)
    for name, kind, options in (
        ("bench-kafka", "kafka", {"bootstrap_servers": stage.kafka.bootstrap}),
        ("bench-mq", "mq", {"host": "127.0.0.1", "port": rabbit.port}),
    ):
        endpoint = EndpointRegistered(endpoint_id=name, name=name, kind=kind, options=options)
        await driver.producer.send_and_wait(ENDPOINTS_REGISTRY.name, ENDPOINTS_REGISTRY.encode(endpoint), key=name.encode())
    await asyncio.sleep(2)
    rounds = []
    for number in range(ROUNDS):
        peer = await bare(stage.kafka.bootstrap, rabbit.url)
        ours = await transfer(driver, rabbit, number)
        rounds.append((ours / peer, ours, peer))
        print(f"round {number + 1}: {ours:8.0f} messages/s   bare loop {peer:8.0f}   ratio {ours / peer:.2f}", flush=True)
    ratio, ours, peer = medians(rounds)
    note(
        "replay",
        "Kafka → RabbitMQ with confirms",
        f"{ratio:.2f} × ({ours:.0f} messages/s)",
        bar=f"≥ {BAR} ×",
        reached=ratio >= BAR,
        beside=f"a bare aiokafka → aio-pika loop with confirms: {peer:.0f}/s",
    )
    await driver.stop()


def main() -> None:
    stage, rabbit = Stage(), RabbitPart()
    try:
        rabbit.start()
        uvloop.run(measure(stage, rabbit))
    finally:
        rabbit.stop()
        stage.stop()


if __name__ == "__main__":
    main()
