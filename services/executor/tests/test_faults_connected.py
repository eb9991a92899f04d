"""Executors that die, freeze and come back: nothing is lost, and what may be there twice is counted."""

import asyncio
import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from executor_part import all_at_work

from shared.contracts.runs import StartRun
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.chaos]


@pytest.fixture(autouse=True)
async def at_work(executor: Any, tower: Any) -> None:
    """Let each test begin with an executor that takes commands: the group gives back the share of one that is gone only by and by."""
    await all_at_work(tower, {"/0"})


@pytest.fixture
def second(executor: Any, kafka: KafkaPart, executor_keys: Path) -> Iterator[Any]:
    """Another executor on the same database."""
    part = type(executor)(kafka, executor.database_url, executor_keys, instance="1")
    part.start()
    yield part
    part.process.stop()


async def rows(executor: Any, query: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(executor.database_url, server_settings={"search_path": "executor"})
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


async def moved(executor: Any, run: str) -> dict[str, int]:
    """Return how many messages each transfer of a run has moved, by its checkpoint."""
    found = await rows(executor, "SELECT component, body::text FROM checkpoints WHERE run_id = $1", run)
    return {row["component"]: json.loads(row["body"])["moved"] for row in found}


async def start(tower: Any, flow: Any, **more: Any) -> str:
    await tower.publish(flow.definition(**more))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    return run


def no_gap_and_nothing_twice(tower: Any, run: str) -> None:
    events = tower.of(run)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for event in events:
        assert len(set(tower.raw[run, event.seq])) == 1, "an event that was published again must be the same bytes"
    outcomes = [(e.component, e.generation) for e in events if e.event == "component.finished"]
    assert len(outcomes) == len(set(outcomes))


@dataclass(frozen=True)
class Left:
    """What an executor that moves nothing any more left of a transfer: by its checkpoint, and by the far end."""

    announced: int
    """Sent or about to be, and not known to have arrived: these are sent again, and counted."""
    confirmed: int
    arrived: int

    def is_told_by(self, told: Any, twice: int) -> None:
        """Assert that the run counts exactly what may be there twice, and that exactly what had arrived unconfirmed is there twice."""
        assert told.duplicates_possible == self.announced, "what was announced and not confirmed is what is counted"
        assert twice == self.arrived - self.confirmed, "only what had arrived and was not confirmed is there twice"


async def left(executor: Any, run: str, component: str, arrived: Any) -> Left:
    """Return what stands of a transfer now that its executor is dead or frozen; ``arrived`` counts at the far end."""
    await asyncio.sleep(0.7)  # what was on its way to the database and the far end has landed; a lease lasts longer
    found = await rows(executor, "SELECT body::text FROM checkpoints WHERE run_id = $1 AND component = $2", run, component)
    (body,) = (json.loads(row["body"]) for row in found)
    under_way = sum(end - body["confirmed"].get(lane, 0) for lane, end in body["announced"].items())
    return Left(under_way + len(body["flight"]), body["moved"], await arrived())


async def in_queue(flow: Any) -> int:
    async with flow.rabbitmq.admin() as queues:
        return int(await queues.count(flow.queue))


async def all_there(flow: Any, sent: list[tuple[bytes, bytes]], duplicates_possible: int) -> int:
    """Assert that the queue holds everything in order per key; return how many are there twice."""
    messages = await flow.queued()
    once: dict[str, Any] = {}
    for message in messages:
        once.setdefault(message.message_id, message)
    assert flow.by_key([(m.headers["flowtower-key"].encode(), m.body) for m in once.values()]) == flow.by_key(sent)
    twice = len(messages) - len(once)
    assert twice <= duplicates_possible
    return twice


async def some_moved(flow: Any, at_least: int) -> None:
    async def there() -> bool:
        async with flow.rabbitmq.admin() as queues:
            return await queues.count(flow.queue) >= at_least

    await eventually(there, within=90, every=0.02)


async def test_killed_in_the_middle_of_a_transfer_it_goes_on_behind_its_checkpoint(executor: Any, tower: Any, flow: Any) -> None:
    sent = await flow.fill(20_000, size=100)
    run = await start(tower, flow, service=False)
    await some_moved(flow, 3000)
    executor.process.kill()
    assert not [event for event in tower.of(run) if event.event == "run.finished"]
    stood = await left(executor, run, "OrderQueue", lambda: in_queue(flow))
    await asyncio.to_thread(executor.start)
    ended = await tower.until(run, "run.finished", within=60)
    assert ended.status == "succeeded"
    lost = await tower.until(run, "attempt.failed")
    assert lost.failure.code == "ExecutorLost"
    finished = await tower.until(run, "component.finished", component="OrderQueue")
    assert finished.attempt == 2
    assert finished.transfer.confirmed == 20_000
    assert finished.transfer.duplicates_possible <= 1000
    stood.is_told_by(finished.transfer, await all_there(flow, sent, finished.transfer.duplicates_possible))
    no_gap_and_nothing_twice(tower, run)


async def test_killed_while_it_calls_a_service_no_order_is_lost(executor: Any, tower: Any, flow: Any) -> None:
    sent = await flow.fill(600)
    flow.service.delay = 0.02
    run = await start(tower, flow)
    await eventually(lambda: len(flow.service.calls) > 150, within=40)
    executor.process.kill()

    async def called() -> int:
        return len(flow.service.calls)

    stood = await left(executor, run, "OrderService", called)
    assert stood.arrived < 600, "the kill came too late to prove anything"
    await asyncio.to_thread(executor.start)
    ended = await tower.until(run, "run.finished", within=60)
    assert ended.status == "succeeded"
    finished = await tower.until(run, "component.finished", component="OrderService")
    assert finished.transfer.confirmed == 600
    keys = [call[2]["Idempotency-Key"] for call in flow.service.calls]
    assert len(set(keys)) == 600
    stood.is_told_by(finished.transfer, len(keys) - 600)
    assert sorted({call[2]["Idempotency-Key"]: call[1] for call in flow.service.calls}.values()) == sorted(body for _, body in sent)
    async with flow.rabbitmq.admin() as queues:
        assert await queues.count(flow.queue) == 0
    no_gap_and_nothing_twice(tower, run)


async def test_runs_survive_kills_with_every_outcome_once(executor: Any, tower: Any, flow: Any) -> None:
    await flow.fill(5)
    names = ("A", "B", "C")
    components = tuple(Component(name=n, kind="kafka", endpoint=flow.endpoints["kafka"], options={"topic": flow.topic}) for n in names)
    await tower.publish(WorkflowDefinition(workflow=flow.workflow, components=components))
    runs = [uuid.uuid4().hex for _ in range(60)]
    for number, run in enumerate(runs):
        await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
        if number in {20, 45}:
            await asyncio.sleep(0.3)
            executor.process.kill()
            await asyncio.to_thread(executor.start)
    for run in runs:
        ended = await tower.until(run, "run.finished", within=60)
        assert ended.status == "succeeded"
        no_gap_and_nothing_twice(tower, run)
    told = await rows(executor, "SELECT count(*) FROM runs WHERE run_id = ANY($1) AND status = 'succeeded' AND owner IS NULL", runs)
    assert told[0][0] == 60


async def test_another_executor_takes_over_within_ten_seconds(executor: Any, second: Any, tower: Any, flow: Any) -> None:
    sent = await flow.fill(20_000, size=100)
    run = await start(tower, flow, service=False)
    begun = await tower.until(run, "attempt.started", component="OrderQueue")
    await some_moved(flow, 2000)
    owner, other = (executor, second) if begun.host.endswith("/0") else (second, executor)
    owner.process.kill()
    killed = time.monotonic()
    stood = await left(executor, run, "OrderQueue", lambda: in_queue(flow))
    again = await tower.until(run, "attempt.started", component="OrderQueue", attempt=2, within=15)
    assert time.monotonic() - killed <= 10
    assert again.host.endswith("/1" if other is second else "/0")
    finished = await tower.until(run, "component.finished", component="OrderQueue", within=60)
    stood.is_told_by(finished.transfer, await all_there(flow, sent, finished.transfer.duplicates_possible))
    no_gap_and_nothing_twice(tower, run)
    await asyncio.to_thread(owner.start)


async def test_an_executor_that_was_frozen_changes_nothing_when_it_wakes(executor: Any, second: Any, tower: Any, flow: Any) -> None:
    sent = await flow.fill(20_000, size=100)
    run = await start(tower, flow, service=False)
    begun = await tower.until(run, "attempt.started", component="OrderQueue")
    await some_moved(flow, 2000)
    owner = executor if begun.host.endswith("/0") else second
    os.kill(owner.process.pid, signal.SIGSTOP)
    try:
        finished = await tower.until(run, "component.finished", component="OrderQueue", within=60)
        query = "SELECT first, last, epoch, body FROM journal WHERE run_id = $1 ORDER BY first"
        before = await rows(executor, query, run)
        checkpoint = await rows(executor, "SELECT body, updated_at FROM checkpoints WHERE run_id = $1", run)
    finally:
        os.kill(owner.process.pid, signal.SIGCONT)

    async def reborn() -> bool:
        lives = await rows(executor, "SELECT epoch FROM executors WHERE instance = $1 AND retired_at IS NULL", owner.instance)
        return bool(lives) and lives[0][0] > max(row["epoch"] for row in before) and owner.ready()

    await eventually(reborn, within=20)
    assert await rows(executor, query, run) == before
    assert await rows(executor, "SELECT body, updated_at FROM checkpoints WHERE run_id = $1", run) == checkpoint
    await all_there(flow, sent, finished.transfer.duplicates_possible)
    no_gap_and_nothing_twice(tower, run)


async def test_a_transfer_waits_for_the_database(executor: Any, tower: Any, flow: Any, postgres: Any) -> None:
    sent = await flow.fill(20_000, size=100)
    run = await start(tower, flow, service=False)
    await some_moved(flow, 2000)
    await asyncio.to_thread(postgres.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(postgres.start)
    assert (await tower.until(run, "run.finished", within=60)).status == "succeeded"
    failed = [event for event in tower.of(run) if event.event == "attempt.failed"]
    assert {event.failure.code for event in failed} <= {"ExecutorLost"}
    finished = await tower.until(run, "component.finished", component="OrderQueue")
    await all_there(flow, sent, finished.transfer.duplicates_possible)
    await eventually(executor.ready, within=60)


async def test_a_transfer_out_of_and_into_a_kafka_that_dies_keeps_the_order_of_each_key(
    executor: Any, tower: Any, flow: Any, kafka: KafkaPart
) -> None:
    sent = await flow.fill(30_000)
    copies = f"{flow.topic}-copies"
    await kafka.create_topic(copies, partitions=2)
    plain = flow.definition(service=False)
    patient = FixedRetry(every=0.5, attempts=100)
    copy = Component(name="Copy", kind="kafka", endpoint=flow.endpoints["kafka"], options={"topic": copies}, retry=patient)
    queue = plain.components[1].model_copy(update={"retry": patient})
    joined = (*plain.connections, Connection(source="OrderTopic", target="Copy", kind="kafka-to-kafka"))
    await tower.publish(plain.model_copy(update={"components": (plain.components[0], queue, copy), "connections": joined}))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)

    async def both_move() -> bool:
        counts = await moved(executor, run)
        return len(counts) == 2 and min(counts.values()) > 0

    await eventually(both_move, within=30, every=0.02)
    await asyncio.to_thread(kafka.kill)
    stood = await moved(executor, run)
    await asyncio.sleep(2)
    await asyncio.to_thread(kafka.start)
    assert max(stood.values()) < len(sent), "the kill came too late to prove anything"
    assert (await tower.until(run, "run.finished", within=90)).status == "succeeded"
    told = {e.component: e.transfer for e in tower.of(run) if e.event == "component.finished" and e.transfer}
    await all_there(flow, sent, told["OrderQueue"].duplicates_possible)
    records = await kafka.read(copies, at_least=len(sent), within=30)
    once: dict[bytes, Any] = {}
    for record in records:
        once.setdefault(dict(record.headers)["flowtower-id"], record)
    assert flow.by_key([(record.key, record.value) for record in once.values()]) == flow.by_key(sent)
    assert len(records) - len(once) <= told["Copy"].duplicates_possible
    no_gap_and_nothing_twice(tower, run)
    await eventually(executor.ready, within=60)


async def test_kafka_and_the_database_may_be_away(executor: Any, tower: Any, flow: Any, kafka: KafkaPart, postgres: Any) -> None:
    await flow.fill(50)
    await tower.publish(flow.definition(service=False, patient=True))
    runs = []
    for part in (postgres, kafka):
        run = uuid.uuid4().hex
        await asyncio.to_thread(part.kill)
        if part is postgres:
            await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
        await eventually(lambda: not executor.ready(), within=15)
        await asyncio.sleep(2)
        await asyncio.to_thread(part.start)
        if part is kafka:
            await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
        runs.append(run)
        await eventually(executor.ready, within=60)
    for run in runs:
        ended = await tower.until(run, "run.finished", within=60)
        assert ended.status == "succeeded", [event.failure for event in tower.of(run) if event.event == "attempt.failed"]
        no_gap_and_nothing_twice(tower, run)
