"""Orders from a real Kafka topic through a real queue to a real HTTP service, and what happens when parts of it fail."""

import asyncio
import json
import time
import uuid
from typing import Any

import pytest

from shared.contracts.runs import CancelRun, RetryRun, StartRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.contracts.workflows import EventTrigger
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.usefixtures("executor")]


async def test_ten_thousand_orders_reach_the_queue_byte_equal_and_in_order(tower: Any, flow: Any) -> None:
    sent = await flow.fill(10_000)
    await tower.publish(flow.definition(service=False))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    ended = await tower.until(run, "run.finished", within=60)
    assert ended.status == "succeeded"
    finished = await tower.until(run, "component.finished", component="OrderQueue")
    assert finished.transfer.confirmed == finished.transfer.total == 10_000
    assert finished.transfer.duplicates_possible == 0
    assert finished.idempotency_key == f"{run}:OrderQueue:1"
    messages = await flow.queued()
    assert len(messages) == 10_000
    assert flow.by_key([(m.headers["flowtower-key"].encode(), m.body) for m in messages]) == flow.by_key(sent)
    assert all(m.headers["kind"] == "order" and bytes(m.headers["raw"]) == b"\xfe\xff" for m in messages)
    assert len({m.message_id for m in messages}) == 10_000
    events = tower.of(run)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_orders_go_on_to_the_service_each_once_and_in_order(tower: Any, flow: Any) -> None:
    sent = await flow.fill(1500)
    await tower.publish(flow.definition())
    run = uuid.uuid4().hex
    flow.service.answers = [(200, {})] * 40 + [(503, {"Retry-After": "1"})]
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    ended = await tower.until(run, "run.finished", within=90)
    assert ended.status == "succeeded"
    failed = await tower.until(run, "attempt.failed", component="OrderService")
    assert failed.failure.code == "HttpStatus:503"
    assert "503" in failed.failure.message
    assert (failed.next_attempt_at - failed.at).total_seconds() == pytest.approx(1.0, abs=0.01)
    finished = await tower.until(run, "component.finished", component="OrderService")
    assert finished.transfer.confirmed == 1500
    accepted = flow.service.accepted
    keys = [call[2]["Idempotency-Key"] for call in accepted]
    first = dict(reversed(list(zip(keys, accepted, strict=True))))
    assert len(first) == 1500
    assert len(accepted) - 1500 <= finished.transfer.duplicates_possible
    assert sorted(call[1] for call in first.values()) == sorted(body for _, body in sent)
    trace = (await tower.until(run, "run.started")).trace_id
    assert all(call[2]["traceparent"].split("-")[1] == trace and call[2]["Authorization"] == "Bearer a-token" for call in accepted)
    async with flow.rabbitmq.admin() as queues:
        assert await queues.count(flow.queue) == 0


async def test_a_missing_queue_fails_clearly_and_that_component_alone_is_retried(tower: Any, flow: Any) -> None:
    queue = flow.queue
    await flow.fill(300)
    await tower.publish(flow.definition(declare=False))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    ended = await tower.until(run, "run.finished", within=30)
    assert ended.status == "failed"
    failures = [event for event in tower.of(run) if event.event == "attempt.failed"]
    assert [event.attempt for event in failures] == [1, 2, 3]
    assert {event.failure.code for event in failures} == {"QueueNotFound"}
    assert failures[0].failure.message == f"Queue “{queue}” does not exist on {flow.endpoints['mq']}. Create it, or set declare: true."
    waits = [(event.next_attempt_at - event.at).total_seconds() for event in failures[:2]]
    assert waits == pytest.approx([0.3, 0.6], abs=0.01)
    assert failures[2].next_attempt_at is None
    assert (await tower.until(run, "component.finished", component="OrderService")).status == "upstream_failed"
    before = dict(tower.raw)
    async with flow.rabbitmq.admin() as queues:
        await queues.declare(queue)
    await tower.command(RetryRun(run_id=run, components=("OrderQueue",), requested_by="me"), run)
    ended = await tower.until(run, "run.finished", within=30, times=2)
    assert ended.status == "succeeded"
    reopened = await tower.until(run, "run.reopened")
    assert reopened.again == {"OrderQueue": 2, "OrderService": 2}
    assert reopened.stays == ("OrderTopic",)
    assert len(flow.service.accepted) == 300
    assert {place: tower.raw[place] for place in before} == before
    assert [e.generation for e in tower.of(run) if e.event == "component.finished" and e.component == "OrderTopic"] == [1]


async def test_cancel_stops_a_transfer_within_a_second(tower: Any, flow: Any) -> None:
    await flow.fill(400)
    flow.service.delay = 0.2
    await tower.publish(flow.definition())
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    await tower.until(run, "attempt.started", component="OrderService")
    await eventually(lambda: len(flow.service.calls) > 20, within=20)
    asked = time.monotonic()
    await tower.command(CancelRun(run_id=run, reason="wrong day"), run)
    ended = await tower.until(run, "run.finished", within=10)
    assert time.monotonic() - asked < 2
    assert ended.status == "cancelled"
    assert ended.message == "wrong day"
    calls = len(flow.service.calls)
    await asyncio.sleep(1)
    assert len(flow.service.calls) - calls <= 16
    finished = await tower.until(run, "component.finished", component="OrderService")
    assert finished.status == "cancelled"
    assert 0 < finished.transfer.confirmed < 400


async def test_a_plain_producer_starts_a_run_and_garbage_costs_nobody_anything(tower: Any, kafka: KafkaPart, flow: Any) -> None:
    await flow.fill(10)
    await tower.publish(flow.definition(service=False, triggers=(EventTrigger(),)))
    closed = flow.definition(service=False).model_copy(update={"workflow": f"closed-{flow.word}"})
    await tower.publish(closed)
    send = tower.producer.send_and_wait
    trace = f"00-{uuid.uuid4().hex}-00f067aa0ba902b7-01"
    await send(RUNS_COMMANDS.name, b"\x00 this is no JSON " + flow.word.encode(), partition=0)
    await send(RUNS_COMMANDS.name, b'{"command":"start"}', partition=0)
    start = {"command": "start", "workflow": flow.workflow, "inputs": {"n": 1}}
    answer = await send(RUNS_COMMANDS.name, json.dumps(start).encode(), partition=0, headers=[("traceparent", trace.encode())])
    await send(RUNS_COMMANDS.name, json.dumps(start | {"workflow": f"closed-{flow.word}"}).encode(), partition=0)
    await send(RUNS_COMMANDS.name, json.dumps(start | {"workflow": "nowhere"}).encode(), partition=0)

    def started() -> Any:
        return next((e for e in tower.events if e.event == "run.started" and e.workflow == flow.workflow), None)

    begun = await eventually(started, within=20)
    assert begun.run_id == f"{RUNS_COMMANDS.name}:0:{answer.offset}:{answer.timestamp}"
    assert begun.trigger == "event"
    assert begun.trace_id == trace.split("-")[1]
    assert begun.parent_span_id == "00f067aa0ba902b7"
    assert (await tower.until(begun.run_id, "run.finished")).status == "succeeded"

    def refused() -> Any:
        return {e.workflow: e.reason for e in tower.events if e.event == "command.refused" and e.command == "start"}

    await eventually(lambda: {"nowhere", f"closed-{flow.word}"} <= set(refused()), within=20)
    assert "triggers" in refused()[f"closed-{flow.word}"]
    dead = await kafka.read(RUNS_COMMANDS.dead_letter("executor.commands"), at_least=2)
    mine = [record for record in dead if record.value.endswith(flow.word.encode())]
    assert len(mine) == 1
    assert dict(mine[0].headers)["dl_kind"] == b"undecodable"
