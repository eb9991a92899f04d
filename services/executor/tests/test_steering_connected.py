"""Branches, pauses, limits of time, versions and compensation against a real service, through real Kafka and PostgreSQL."""

import asyncio
import json
import uuid
from typing import Any

import asyncpg
import pytest

from shared.contracts.runs import CancelRun, PauseRun, ResumeRun, RetryRun, StartRun
from shared.contracts.workflows import Component, Connection, ErrorClasses, FixedRetry, WorkflowDefinition
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected


class Shop:
    """Workflows whose components each call a path of their own of one service."""

    def __init__(self, tower: Any, flow: Any) -> None:
        self.tower, self.service, self.endpoint, self.word = tower, flow.service, flow.endpoints["service"], flow.word

    def component(self, name: str, path: str = "", **more: Any) -> Component:
        return Component(name=name, kind="service", endpoint=self.endpoint, options={"path": path or f"/{name}", "deliver": "once"}, **more)

    async def publish(self, name: str, components: list[Component], edges: list[tuple[Any, ...]], version: int = 1, **more: Any) -> str:
        joined = tuple(Connection(source=a, target=b, kind="processing", when=when[0] if when else None) for a, b, *when in edges)
        workflow = f"{name}-{self.word}"
        definition = WorkflowDefinition(workflow=workflow, components=tuple(components), connections=joined, **more)
        await self.tower.publish(definition, version)
        return workflow

    async def start(self, workflow: str, **more: Any) -> str:
        run = uuid.uuid4().hex
        await self.tower.command(StartRun(workflow=workflow, run_id=run, **more), run)
        return run

    @property
    def called(self) -> list[str]:
        return [path for path, _, told in self.service.calls if told["status"] == "200"]


@pytest.fixture
def shop(tower: Any, flow: Any) -> Shop:
    return Shop(tower, flow)


async def test_inputs_pick_the_branch_that_is_called_and_wrong_ones_start_nothing(executor: Any, tower: Any, shop: Shop) -> None:
    workflow = await shop.publish(
        "branch",
        [shop.component(name) for name in ("Check", "Express", "Post")] + [shop.component("Done", join="any")],
        [
            ("Check", "Express", "inputs.express"),
            ("Check", "Post", "!inputs.express && output.calls == 1"),
            ("Express", "Done"),
            ("Post", "Done"),
        ],
        inputs={"express": {"type": "boolean", "default": False}, "order": {"type": "object", "required": ["id"]}},
        business_key="inputs.order.id",
        timeout=600,
        priority=7,
    )
    run = await shop.start(workflow, inputs={"order": {"id": "A-7"}})
    assert (await tower.until(run, "run.finished")).status == "succeeded"
    assert shop.called == ["/Check", "/Post", "/Done"]
    started = await tower.until(run, "run.started")
    assert (started.business_key, started.priority, started.inputs["express"]) == ("A-7", 7, False)
    assert (started.deadline_at - started.at).total_seconds() == 600
    skipped = await tower.until(run, "component.finished", component="Express")
    assert (skipped.status, skipped.message) == ("skipped", "Not needed, because the condition of “Check” → “Express” is false.")
    told = json.loads(shop.service.calls[-1][1])
    assert set(told["sources"]) == {"Post"}, "a join of any is fed by what let it start"
    wrong = await shop.start(workflow, inputs={"express": "yes", "ordre": {}})
    refused = await tower.until(wrong, "command.refused")
    assert "there is no input “ordre” (did you mean “order”?)" in refused.reason
    assert "“express”: it is not of type" in refused.reason
    assert [event.event for event in tower.of(wrong)] == ["command.refused"]


async def test_pauses_and_limits_of_time_outlive_the_executor(executor: Any, tower: Any, shop: Shop) -> None:
    waits = FixedRetry(every=5000, attempts=9)
    chain = await shop.publish("chain", [shop.component(name) for name in "ABC"], [("A", "B"), ("B", "C")])
    limited = await shop.publish("limited", [shop.component("Late", retry=waits), shop.component("Never")], [("Late", "Never")], timeout=8)
    shop.service.answers = [(503, {})]
    late = await shop.start(limited)
    await tower.until(late, "attempt.failed")
    shop.service.delay = 0.5
    paused = await shop.start(chain)
    await tower.until(paused, "attempt.started", component="A")
    await tower.command(PauseRun(run_id=paused, reason="maintenance", requested_by="bob"), paused)
    await tower.until(paused, "run.paused", reason="maintenance", requested_by="bob")
    await tower.until(paused, "component.finished", component="A")
    executor.process.kill()
    shop.service.delay = 0
    await asyncio.to_thread(executor.start)
    ended = await tower.until(late, "run.finished", within=30)
    assert (ended.status, ended.message[:43]) == ("failed", "The run was not done within the 8 s of its ")
    assert [(e.component, e.status) for e in tower.of(late) if e.event == "component.finished"] == [
        ("Late", "cancelled"),
        ("Never", "cancelled"),
    ]
    assert shop.called == ["/A"]
    await tower.command(ResumeRun(run_id=paused, requested_by="bob"), paused)
    assert (await tower.until(paused, "run.finished")).status == "succeeded"
    assert shop.called == ["/A", "/B", "/C"]
    connection = await asyncpg.connect(executor.database_url, server_settings={"search_path": "executor"})
    assert await connection.fetchval("SELECT count(*) FROM waits WHERE run_id = ANY($1)", [late, paused]) == 0
    await connection.close()


async def test_a_parked_call_goes_on_in_another_version_and_a_cancel_undoes_what_was_called(executor: Any, tower: Any, shop: Shop) -> None:
    undo = [shop.component("UndoA", compensates="A"), shop.component("UndoB", compensates="B")]
    errors = ErrorClasses(park=("HttpStatus:409",))
    names = [shop.component("A"), shop.component("B", "/old", errors=errors)]
    workflow = await shop.publish("park", [*names, shop.component("C", errors=errors), *undo], [("A", "B"), ("B", "C")])
    shop.service.answers = [(200, {}), (409, {})]
    run = await shop.start(workflow)
    parked = await tower.until(run, "attempt.failed", component="B")
    assert (parked.decision, parked.failure.code, parked.next_attempt_at) == ("park", "HttpStatus:409", None)
    before = {place: raws[0] for place, raws in tower.raw.items() if place[0] == run}
    await shop.publish(
        "park",
        [shop.component("A", "/other"), shop.component("B", "/new"), shop.component("C", errors=errors), *undo],
        [("A", "B"), ("B", "C")],
        2,
    )
    shop.service.answers = [(200, {}), (409, {})]
    await eventually(lambda: _known(executor, workflow, 2), within=20)
    await tower.command(RetryRun(run_id=run, scope="failed", version=2, expected_seq=parked.seq, requested_by="ada"), run)
    await tower.until(run, "attempt.failed", component="C", decision="park")
    assert shop.called == ["/A", "/new"], "what had succeeded is not called again"
    reopened = await tower.until(run, "run.reopened")
    assert (reopened.again, reopened.stays, reopened.version) == ({"B": 2}, ("A", "C"), 2)
    assert [call[2]["Idempotency-Key"] for call in shop.service.calls][:3] == [f"{run}:A:1", f"{run}:B:1", f"{run}:B:2"]
    assert {place: tower.raw[place][0] for place in before} == before
    await tower.command(CancelRun(run_id=run, reason="wrong day"), run)
    ended = await tower.until(run, "run.finished")
    assert (ended.status, ended.message, ended.version) == ("cancelled", "wrong day", 2)
    assert shop.called[2:] == ["/UndoB", "/UndoA"], "the last thing done is undone first"
    assert set(json.loads(shop.service.calls[-1][1])["sources"]) == {"A"}
    outcomes = {e.component: e.status for e in tower.of(run) if e.event == "component.finished"}
    assert outcomes == {"A": "succeeded", "B": "succeeded", "C": "cancelled", "UndoB": "succeeded", "UndoA": "succeeded"}


async def _known(executor: Any, workflow: str, version: int) -> bool:
    connection = await asyncpg.connect(executor.database_url, server_settings={"search_path": "executor"})
    try:
        query = "SELECT count(*) FROM workflows WHERE name = $1 AND version = $2"
        return bool(await connection.fetchval(query, workflow, version))
    finally:
        await connection.close()
