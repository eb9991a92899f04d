"""Every pair that can be moved, over real brokers: bodies, keys and headers arrive as they were, per key in order."""

import asyncio
import itertools
import os
import signal
import uuid
from typing import Any

import pytest

from shared.contracts.runs import StartRun
from shared.contracts.workflows import Component, Connection, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.usefixtures("executor")]


async def run_of(tower: Any, flow: Any, kinds: list[tuple[str, str, dict[str, Any]]], *, within: float = 60) -> str:
    """Run a chain of components; each is (name, kind, options)."""
    components = tuple(Component(name=n, kind=kind, endpoint=flow.endpoints[kind], options=options) for n, kind, options in kinds)
    joined = []
    for (source, first, _), (target, second, _) in itertools.pairwise(kinds):
        kind = "processing" if second == "service" else f"{first}-to-{second}"
        joined.append(Connection(source=source, target=target, kind=kind))
    await tower.publish(WorkflowDefinition(workflow=flow.workflow, components=components, connections=tuple(joined)))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    ended = await tower.until(run, "run.finished", within=within)
    assert ended.status == "succeeded", [event for event in tower.of(run) if event.event == "attempt.failed"]
    return run


async def test_from_kafka_over_a_queue_and_another_back_to_kafka(tower: Any, flow: Any, kafka: KafkaPart) -> None:
    sent = await flow.fill(1200)
    await kafka.create_topic(f"copy-{flow.word}", partitions=2)
    await kafka.create_topic(f"second-{flow.word}", partitions=2)
    run = await run_of(
        tower,
        flow,
        [
            ("Source", "kafka", {"topic": flow.topic}),
            ("First", "mq", {"queue": f"first-{flow.word}", "declare": True}),
            ("Second", "mq", {"queue": f"second-{flow.word}", "declare": True}),
            ("Copy", "kafka", {"topic": f"copy-{flow.word}"}),
            ("Again", "kafka", {"topic": f"second-{flow.word}"}),
        ],
    )
    for topic in ("copy", "second"):
        records = await kafka.read(f"{topic}-{flow.word}", at_least=1200)
        assert len(records) == 1200
        assert flow.by_key([(record.key, record.value) for record in records]) == flow.by_key(sent)
        headers = dict(records[0].headers)
        assert headers["kind"] == b"order"
        assert headers["raw"] == b"\xfe\xff"
        assert headers["flowtower-id"].decode().startswith(f"{run}:")
    for name in ("First", "Second", "Copy", "Again"):
        finished = await tower.until(run, "component.finished", component=name)
        assert finished.transfer.confirmed == 1200
        assert finished.transfer.duplicates_possible == 0
    async with flow.rabbitmq.admin() as queues:
        assert [await queues.count(f"{name}-{flow.word}") for name in ("first", "second")] == [0, 0]


async def test_messages_of_others_stay_in_the_queue(tower: Any, flow: Any) -> None:
    sent = await flow.fill(200)
    async with flow.rabbitmq.admin() as queues:
        await queues.declare(flow.queue)
        await queues.publish(flow.queue, [b"not yours %d" % number for number in range(5)])
    service = ("Service", "service", {"path": "/orders"})
    await run_of(tower, flow, [("Source", "kafka", {"topic": flow.topic}), ("Queue", "mq", {"queue": flow.queue}), service])
    assert sorted(call[1] for call in flow.service.accepted) == sorted(body for _, body in sent)
    async with flow.rabbitmq.admin() as queues:
        # The broker takes back what was looked at and left when the channel has closed, a moment after the run's end.
        await eventually(lambda: _holds(queues, flow.queue, 5), within=20, about="the messages of others are back in the queue")
    assert sorted(message.body for message in await flow.queued()) == [b"not yours %d" % number for number in range(5)]


async def _holds(queues: Any, queue: str, count: int) -> bool:
    return bool(await queues.count(queue) == count)


async def test_a_queue_that_holds_messages_is_handed_to_a_service(tower: Any, flow: Any) -> None:
    async with flow.rabbitmq.admin() as queues:
        await queues.declare(flow.queue)
        await queues.publish(flow.queue, [b'{"n": %d}' % number for number in range(50)])
    await run_of(tower, flow, [("Queue", "mq", {"queue": flow.queue}), ("Service", "service", {"path": "/in"})])
    assert len(flow.service.accepted) == 50
    assert len({call[2]["Idempotency-Key"] for call in flow.service.calls}) == 50


async def test_one_call_tells_what_came_before_and_a_refusal_is_final(tower: Any, flow: Any) -> None:
    await flow.fill(30)
    once = ("Service", "service", {"path": "/done", "deliver": "once"})
    await run_of(tower, flow, [("Source", "kafka", {"topic": flow.topic}), once])
    (call,) = flow.service.accepted
    assert b'"messages": 30' in call[1]
    flow.service.answers = [(422, {})]
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    assert (await tower.until(run, "run.finished")).status == "failed"
    failed = await tower.until(run, "attempt.failed")
    assert (failed.failure.code, failed.failure.retryable, failed.next_attempt_at) == ("HttpStatus:422", False, None)


async def test_an_orderly_stop_hands_the_transfer_to_the_next_life(executor: Any, tower: Any, flow: Any) -> None:
    sent = await flow.fill(20_000, size=100)
    await tower.publish(flow.definition(service=False))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    await tower.until(run, "attempt.started", component="OrderQueue")
    await asyncio.sleep(0.3)
    os.kill(executor.process.pid, signal.SIGTERM)
    await eventually(lambda: not executor.process.running, within=30)
    assert executor.process.exit_code == 0
    executor.process.stop()
    await asyncio.to_thread(executor.start)
    assert (await tower.until(run, "run.finished", within=60)).status == "succeeded"
    codes = {event.failure.code for event in tower.of(run) if event.event == "attempt.failed"}
    assert codes <= {"ExecutorStopped"}
    finished = await tower.until(run, "component.finished", component="OrderQueue")
    messages = await flow.queued()
    assert len(messages) - 20_000 <= finished.transfer.duplicates_possible
    assert len({message.message_id for message in messages}) == len(sent)
