"""Executors that die, freeze and come back: nothing is lost, and what may be there twice is counted."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared.contracts.runs import StartRun
from shared.contracts.workflows import Component, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.chaos]


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

    await eventually(there, within=30, every=0.02)


async def test_killed_in_the_middle_of_a_transfer_it_goes_on_behind_its_checkpoint(executor: Any, tower: Any, flow: Any) -> None:
    sent = await flow.fill(20_000, size=100)
    run = await start(tower, flow, service=False)
    await some_moved(flow, 3000)
    executor.process.kill()
    assert not [event for event in tower.of(run) if event.event == "run.finished"]
    await asyncio.to_thread(executor.start)
    ended = await tower.until(run, "run.finished", within=60)
    assert ended.status == "succeeded"
    lost = await tower.until(run, "attempt.failed")
    assert lost.failure.code == "ExecutorLost"
    finished = await tower.until(run, "component.finished", component="OrderQueue")
    assert finished.attempt == 2
    assert finished.transfer.confirmed == 20_000
    assert finished.transfer.duplicates_possible <= 1000
    await all_there(flow, sent, finished.transfer.duplicates_possible)
    no_gap_and_nothing_twice(tower, run)


async def test_killed_while_it_calls_a_service_no_order_is_lost(executor: Any, tower: Any, flow: Any) -> None:
    sent = await flow.fill(600)
    flow.service.delay = 0.02
    run = await start(tower, flow)
    await eventually(lambda: len(flow.service.calls) > 150, within=40)
    executor.process.kill()
    await asyncio.to_thread(executor.start)
    ended = await tower.until(run, "run.finished", within=60)
    assert ended.status == "succeeded"
    finished = await tower.until(run, "component.finished", component="OrderService")
    assert finished.transfer.confirmed == 600
    keys = [call[2]["Idempotency-Key"] for call in flow.service.calls]
    assert len(set(keys)) == 600
    assert len(keys) - 600 <= finished.transfer.duplicates_possible + 16
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
    again = await tower.until(run, "attempt.started", component="OrderQueue", attempt=2, within=15)
    assert time.monotonic() - killed <= 10
    assert again.host.endswith("/1" if other is second else "/0")
    finished = await tower.until(run, "component.finished", component="OrderQueue", within=60)
    await all_there(flow, sent, finished.transfer.duplicates_possible)
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


async def test_kafka_and_the_database_may_be_away(executor: Any, tower: Any, flow: Any, kafka: KafkaPart, postgres: Any) -> None:
    await flow.fill(50)
    await tower.publish(flow.definition(service=False))
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
        assert (await tower.until(run, "run.finished", within=60)).status == "succeeded"
        no_gap_and_nothing_twice(tower, run)
