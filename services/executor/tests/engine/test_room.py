"""Room and turns: runs that wait at one endpoint's gate take no room from others, and a queued run stays queued till its turn."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from executor.application.gates import Look
from executor.application.ports import Endpoint, Permanent
from executor.application.registries import Published
from executor.domain.gate import Hold
from executor.domain.turns import Lane
from shared.contracts.endpoints import Breaker, EndpointLimits
from shared.contracts.runs import CancelRun, RetryRun
from shared.contracts.workflows import Component, WorkflowDefinition
from shared.testing.wait import eventually

ROOM, SHARE = 8, 2
DEAD = Endpoint("e1", "dead", "acting", None, None, EndpointLimits(breaker=Breaker()))


class Registry:
    """Workflows of one component each: what their endpoint is says the name."""

    def __init__(self) -> None:
        self.published = {}
        for number, name in enumerate(("dead", "alive", "also-dead"), 1):
            component = Component(name="A", kind="acting", endpoint="dead" if name.endswith("dead") else None)
            self.published[name] = Published(f"w{number}", 1, WorkflowDefinition(workflow=name, components=(component,)), False)
        parts = (*(Component(name=name, kind="acting") for name in "ABC"), Component(name="Undo", kind="acting", compensates="A"))
        self.published["few"] = Published("w9", 1, WorkflowDefinition(workflow="few", components=parts, concurrency=1), False)

    async def workflow(self, name: str, _version: int | None) -> Published | None:
        return self.published.get(name)

    async def version(self, workflow_id: str, _version: int) -> Published | None:
        return next(one for one in self.published.values() if one.workflow_id == workflow_id)

    async def endpoint(self, _name: str) -> Endpoint:
        return DEAD


class Gates:
    """Of an endpoint whose breaker is open, until somebody closes it."""

    def __init__(self) -> None:
        self.closed = False
        self.waiting: set[tuple[str, str]] = set()

    async def turn(self, _epoch: int, _endpoint: str, *, arrived: Sequence[Any], ended: Sequence[Any], hurried: Sequence[Any]) -> Look:  # noqa: ARG002
        self.waiting |= {(asking.run_id, asking.component) for asking in arrived}
        self.waiting -= {item.place for item in ended}
        granted = await self.granted(1)
        hold = None if self.closed else Hold("breaker", None, 5)
        return Look(datetime.now(UTC), granted, {False: hold, True: hold}, "closed" if self.closed else "open")

    async def granted(self, _epoch: int) -> set[tuple[str, str]]:
        return self.waiting if self.closed else set()


class Rows:
    """The queued runs, as the table of turns has them."""

    def __init__(self, journal: Any) -> None:
        self.journal = journal

    def _queued(self) -> dict[str, str]:
        return {run_id: row["workflow_id"] for run_id, row in self.journal.runs.items() if row["status"] == "queued"}

    async def waiting(self) -> bool:
        return bool(self._queued())

    async def reserve(self, _epoch: int, wanted: Sequence[Any]) -> set[str]:
        """One run at once may be under way."""
        ids = {want.run_id for want in wanted}
        free = all(row["status"] != "running" for run_id, row in self.journal.runs.items() if run_id not in ids)
        return ids if free else set()

    async def release(self, _epoch: int, most: int, choose: Any) -> list[str]:
        lanes: dict[str, Lane] = {}
        for number, (run_id, workflow_id) in enumerate(self._queued().items()):
            lane = lanes.setdefault(workflow_id, Lane(workflow_id, 5, [], []))
            lane.places.append((run_id, ""))
            lane.numbers.append(number)
        chosen: list[str] = choose(list(lanes.values()), {}, most)
        return chosen


@pytest.fixture
async def full(stage: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A stage with room for a few runs, where new ones become rows as soon as it is full."""
    monkeypatch.setattr("executor.application.run_queue._FULL_SECONDS", 0.0)
    stage.registry, stage.gates, stage.turns, stage.most_active = Registry(), Gates(), Rows(stage.journal), ROOM
    await stage.live()
    await stage.admission.start()
    await stage.queue.start()
    yield stage
    await stage.queue.stop()
    await stage.admission.stop()


async def test_more_runs_than_fit_behind_an_open_breaker_hold_up_no_other_workflow(full: Any) -> None:
    runs = []
    for _ in range(2 * ROOM):
        runs.append(await full.start(workflow="dead"))
        # Not before it stands at the gate: till then it takes room as any other.
        await eventually(lambda: full.queue.room == ROOM, within=10, every=0.001)
    assert [full.events(run)[0].get("queued", False) for run in runs] == [False] * SHARE + [True] * (2 * ROOM - SHARE)
    assert {full.events(run)[0].get("queued_for") for run in runs[SHARE:]} == {"endpoint"}
    assert set(full.engine.active) == set(runs[:SHARE]), "the others are rows"
    for _ in range(3):
        assert (await full.until(await full.start(workflow="alive"), "run.finished"))["status"] == "succeeded"
    # A run that goes away from the gate makes place for the next.
    await full.obey(CancelRun(run_id=runs[0]))
    await full.until(runs[SHARE], "attempt.started")
    full.gates.closed = True
    for run in runs[1:]:
        assert (await full.until(run, "run.finished"))["status"] == "succeeded"
    assert len(full.engine.held) == 0
    assert full.engine.held.of == {}
    assert full.queue.room == ROOM


async def test_what_is_held_is_bounded_too(full: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executor.application.run_queue._AND_HELD", 0.5)
    for name in ("dead", "also-dead"):
        for _ in range(SHARE):
            await full.start(workflow=name)
    await eventually(lambda: len(full.engine.held) == 2 * SHARE, within=10, every=0.001)
    assert full.queue.room == 0
    monkeypatch.undo()
    full.engine.abandon()
    assert full.queue.room == ROOM


async def test_a_queued_run_that_is_retried_again_or_cancelled_has_no_turn_and_needs_none(full: Any) -> None:
    await full.queue.stop()  # so that nothing has its turn by itself
    full.acting.answers = {"B": [Permanent("Broken", "It can't work."), asyncio.Event()], "C": [Permanent("Broken", "It can't work."), {}]}
    first = await full.start(workflow="few")
    await full.until(first, "run.finished")
    other = await full.start(workflow="few")
    await full.until(other, "attempt.started", "B")
    for name in "BC":
        assert (await full.obey(RetryRun(run_id=first, components=(name,))))["queued"] is True
    assert full.journal.runs[first]["status"] == "queued"
    assert [work.name for work in full.acting.made if work.run_id == first] == ["A", "B", "C"], "nothing of it began again"
    left: list[str] = []
    commit = full.journal._commit

    def keeping(*given: Any) -> None:
        left.extend(entry.run_id for entry in given[-1] if entry.leaves)
        commit(*given)

    full.journal._commit = keeping
    full.acting.answers["Undo"] = [asyncio.Event()]
    assert (await full.obey(CancelRun(run_id=first)))["event"] == "run.released"
    await full.until(first, "attempt.started", "Undo")
    assert left == [first], "its place in the queue is free at once, not when it has been undone"
    assert full.journal.runs[first]["status"] == "running"
