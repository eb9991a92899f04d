"""Limits over two executors on one database, seen at the far end: attempts at once, breakers, retry budgets, turns of runs."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from executor_part import all_at_work

from shared.contracts.runs import CancelRun, RetryNow, RetryRun, StartRun
from shared.contracts.workflows import Component, FixedRetry, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.chaos]


@pytest.fixture(scope="module")
async def pair(executor: Any, tower: Any, kafka: KafkaPart, executor_keys: Path) -> AsyncIterator[list[Any]]:
    """Two executors that hold a hundred runs each and both begin runs; the session's own one makes way for them."""
    await asyncio.to_thread(executor.process.stop)
    small = {"FLOWTOWER_EXECUTOR_MOST_ACTIVE": "100"}
    parts = [type(executor)(kafka, executor.database_url, executor_keys, instance=name, **small) for name in ("2", "3")]
    try:
        for part in parts:
            await asyncio.to_thread(part.start)
        await all_at_work(tower, {f"/{part.instance}" for part in parts})
        yield parts
    finally:
        for part in parts:
            await asyncio.to_thread(part.process.stop)
        await asyncio.to_thread(executor.start)


async def rows(pair: list[Any], query: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(pair[0].database_url, server_settings={"search_path": "executor"})
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


class Line:
    """A workflow of one call to the service, under names of its own."""

    def __init__(self, pair: list[Any], tower: Any, service: Any) -> None:
        self.pair, self.tower, self.service = pair, tower, service
        self.word = uuid.uuid4().hex[:8]
        self.endpoint = f"ep-{self.word}"

    async def endpoint_with(self, **limits: Any) -> None:
        await self.tower.endpoint(self.endpoint, "service", {"base_url": self.service.url}, limits=limits)

        async def known() -> bool:
            return bool(await rows(self.pair, "SELECT 1 FROM endpoints WHERE name = $1", self.endpoint))

        # Endpoints and workflows come by topics of their own; a run may begin when it has both.
        await eventually(known, within=60, about=f"the executors know {self.endpoint}")

    async def publish(self, name: str, **more: Any) -> str:
        given = {"name": "Call", "kind": "service", "endpoint": self.endpoint, "options": {"path": "/", "deliver": "once"}}
        component = Component.model_validate(given | more.pop("component", {}))
        workflow = f"{name}-{self.word}"
        await self.tower.publish(WorkflowDefinition(workflow=workflow, components=(component,), **more))
        return workflow

    async def start(self, workflow: str, count: int, **more: Any) -> list[str]:
        runs = [uuid.uuid4().hex for _ in range(count)]
        await asyncio.gather(*(self.tower.command(StartRun(workflow=workflow, run_id=run, **more), run) for run in runs))
        return runs

    async def end(self, runs: list[str], within: float = 60) -> None:
        for run in runs:
            assert (await self.tower.until(run, "run.finished", within=within)).status == "succeeded"

    def called(self) -> list[str]:
        return [json.loads(body)["run"] for _, body, _ in self.service.calls]


@pytest.fixture
def line(pair: list[Any], tower: Any, service: Any) -> Line:
    return Line(pair, tower, service)


async def test_never_more_attempts_at_once_than_the_endpoint_allows(pair: list[Any], tower: Any, line: Line) -> None:
    line.service.delay = 0.3
    await line.endpoint_with(concurrency=2)
    runs = await line.start(await line.publish("busy"), 12)
    held = None
    while held is None:  # some run says that it waits; which one depends on who came first
        await asyncio.sleep(0.05)
        held = next((e for e in tower.events if e.event == "attempt.held" and e.run_id in runs), None)
    assert held.limit == "concurrency"
    assert line.endpoint in held.reason
    last = "SELECT run_id FROM slots WHERE endpoint_id = $1 AND granted_at IS NULL ORDER BY number DESC LIMIT 1"
    waits = (await rows(pair, last, f"id-{line.endpoint}"))[0]["run_id"]
    await tower.command(CancelRun(run_id=waits, reason="not needed"), waits)
    assert (await tower.until(waits, "run.finished")).status == "cancelled"
    runs.remove(waits)
    await line.end(runs)
    assert line.service.most == 2
    assert waits not in line.called()
    assert sorted(line.called()) == sorted(runs)
    assert {tower.of(run)[1].host[-2:] for run in runs} == {"/2", "/3"}, "both executors had a share"
    over = [e for run in runs for e in tower.of(run) if e.event == "attempt.held" and e.over]
    assert over
    assert not await rows(pair, "SELECT 1 FROM slots WHERE endpoint_id = $1", f"id-{line.endpoint}")


async def test_a_breaker_opens_lets_one_try_and_closes(pair: list[Any], tower: Any, line: Line) -> None:
    await line.endpoint_with(breaker={"failures": 3, "open_for": 2.0})
    line.service.answers = [(503, {})] * 5
    retry = FixedRetry(every=0.05, attempts=20)
    workflow = await line.publish("shaky", component={"retry": retry})
    (first,) = await line.start(workflow, 1)
    await eventually(lambda: len(line.service.calls) == 3)
    others = await line.start(workflow, 6)
    held = await tower.until(others[0], "attempt.held", limit="breaker")
    assert "open after 3" in held.reason
    await tower.command(RetryNow(run_id=others[0], component="Call"), others[0])
    refused = await tower.until(others[0], "command.refused")
    assert "breaker" in refused.reason
    assert len(line.service.calls) == 3, "an open breaker lets nothing through, whoever asks"
    await line.end([first, *others])
    trials = line.service.at[3:6]
    assert all(later - earlier >= 1.9 for earlier, later in zip(line.service.at[2:5], trials, strict=True)), (
        "one trial each time it was open"
    )
    assert [call[2]["status"] for call in line.service.calls] == ["503"] * 5 + ["200"] * 7
    failures = [e for run in (first, *others) for e in tower.of(run) if e.event == "attempt.failed"]
    assert len(failures) == 5, "a wait at the gate is no failure"


async def test_the_retry_budget_holds_retries_and_retry_now_passes_it(pair: list[Any], tower: Any, line: Line) -> None:
    await line.endpoint_with(retry_budget=6)
    line.service.answers = [(503, {})] * 3
    runs = await line.start(await line.publish("again", component={"retry": FixedRetry(every=0.05, attempts=3)}), 3)

    async def held() -> list[str]:
        return [run for run in runs if any(e.event == "attempt.held" and e.limit == "retry_budget" for e in tower.of(run))]

    await eventually(lambda: len(line.service.calls) == 4)
    waiting = await eventually(lambda: _two(held()), within=20)
    assert len(line.service.calls) == 4, "of three retries one is within a sixth of a minute's budget"
    await tower.command(RetryNow(run_id=waiting[0], component="Call"), waiting[0])
    await tower.until(waiting[0], "run.finished", within=5)
    (other,) = await line.start(f"again-{line.word}", 1)
    await line.end([other])  # a first attempt needs no budget
    await line.end(runs, within=30)
    assert len(line.service.calls) == 7
    assert line.service.at[-1] - line.service.at[0] >= 8, "the next retry had to wait for its tenth of a minute"


async def _two(found: Any) -> list[str] | None:
    runs: list[str] = await found
    return runs if len(runs) == 2 else None


async def test_runs_of_a_workflow_wait_for_their_turn(pair: list[Any], tower: Any, line: Line) -> None:
    line.service.delay = 6.0  # the first two hold their places until what follows has been told
    await line.endpoint_with()
    workflow = await line.publish("few", concurrency=2)
    runs = await line.start(workflow, 7)
    for run in runs:
        await tower.until(run, "run.started")
    assert sum(tower.of(run)[0].queued for run in runs) >= 5
    (urgent,) = await line.start(workflow, 1, priority=9)
    (unwanted,) = await line.start(workflow, 1, priority=0)
    for run in (urgent, unwanted):
        await tower.until(run, "run.started", queued=True)
    line.service.delay = 0.3
    await tower.command(CancelRun(run_id=unwanted), unwanted)
    assert (await tower.until(unwanted, "run.finished")).status == "cancelled"
    await line.end([*runs, urgent])
    assert line.service.most == 2
    assert line.called().index(urgent) < 6
    assert unwanted not in line.called()
    # A retry by a person waits for its turn as well, and its turn comes.
    line.service.delay = 1.0
    more = await line.start(workflow, 2)
    await eventually(lambda: line.service.under_way == 2)
    await tower.command(RetryRun(run_id=urgent, components=("Call",)), urgent)
    assert (await tower.until(urgent, "run.reopened")).queued
    await tower.until(urgent, "run.finished", times=2)
    await line.end(more)
    assert line.service.most == 2
    assert not await rows(pair, "SELECT 1 FROM turns WHERE workflow_id = $1", f"id-{workflow}")


async def test_many_runs_of_one_workflow_do_not_starve_a_few_of_another(pair: list[Any], tower: Any, line: Line) -> None:
    line.service.delay = 0.1
    await line.endpoint_with(concurrency=4)
    many_workflow, few_workflow = await line.publish("many"), await line.publish("few")
    many = await line.start(many_workflow, 300)
    await eventually(lambda: len(line.service.calls) > 5)
    many += await line.start(many_workflow, 200)
    few = await line.start(few_workflow, 10)
    await line.end(few)
    behind = 500 - len([run for run in line.called() if run in set(many)])
    assert behind > 250, "ten runs had their turns among five hundred"
    queued = [run for run in many if tower.of(run) and tower.of(run)[0].queued]
    assert "endpoint" in {tower.of(run)[0].queued_for for run in queued}, "as many as fit wait at the gate; further ones are rows"
    await line.end(many, within=90)
    assert line.service.most == 4
    for run in queued[:20]:
        assert [e.event for e in tower.of(run)][:2] == ["run.started", "run.released"]
    assert await rows(pair, "SELECT 1 FROM turns") == []


async def test_what_a_killed_executor_held_is_free_within_ten_seconds(pair: list[Any], tower: Any, line: Line) -> None:
    await all_at_work(tower, {f"/{part.instance}" for part in pair})
    line.service.delay = 0.5
    await line.endpoint_with(concurrency=1)
    workflow = await line.publish("lost", concurrency=8)
    runs = await line.start(workflow, 24)
    query = "SELECT e.instance FROM slots AS s JOIN executors AS e USING (epoch) WHERE s.granted_at IS NOT NULL AND s.endpoint_id = $1"

    async def holder() -> Any:
        # Either may be it: whoever ends a run lets the next one of its workflow on, so one of them can come to have all of them.
        found = await rows(pair, query, f"id-{line.endpoint}")
        return next((part for part in pair if found and part.instance == found[0]["instance"]), None)

    held = await eventually(holder, within=40, every=0.02)
    held.process.kill()
    killed = time.monotonic()
    before = len(line.service.calls)
    try:
        await eventually(lambda: len(line.service.calls) > before + 1, within=20, every=0.02)
        assert time.monotonic() - killed <= 10
        await line.end(runs)
    finally:
        await asyncio.to_thread(held.start)
    lost = [e for run in runs for e in tower.of(run) if e.event == "attempt.failed"]
    assert {e.failure.code for e in lost} <= {"ExecutorLost", "Withdrawn"}
    assert await rows(pair, "SELECT 1 FROM turns WHERE workflow_id = $1", f"id-{workflow}") == []
