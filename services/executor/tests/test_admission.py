"""Attempts at the gates of their endpoints, and runs that wait: what the engine makes of it, without any outside system."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from executor.application.admission import Admission
from executor.application.engine import Active, Engine
from executor.application.gates import Asking, Ended, Look, Place
from executor.application.ports import Endpoint, Outcome, Retryable
from executor.application.registries import Plan, Published
from executor.domain.events import decode, encode
from executor.domain.gate import Hold, Verdict
from executor.domain.graph import Graph
from executor.domain.journal import fold
from executor.domain.run import Run, Trace
from shared.contracts.endpoints import EndpointLimits
from shared.contracts.runs import RunEvent
from shared.contracts.workflows import Component, WorkflowDefinition
from shared.runtime.parts import Away
from shared.testing.wait import eventually

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIMITED = Endpoint("e1", "ep", "service", None, None, EndpointLimits(concurrency=1))
DEFINITION = WorkflowDefinition(workflow="w", components=(Component(name="A", kind="service", endpoint="ep"),))
PLAN = Plan(Published("w1", 1, DEFINITION, retired=False), Graph(DEFINITION), {})
TRACE = Trace("a" * 32, "b" * 16)


class Plans:
    def __init__(self) -> None:
        self.given = LIMITED

    def known(self, _name: str) -> Endpoint | None:
        return self.given

    async def endpoint(self, _name: str, _kind: str) -> Endpoint:
        return self.given


class Gates:
    """Lets on as many as it is told to; remembers everything."""

    def __init__(self) -> None:
        self.room = 0
        self.away = 0
        self.turns = 0
        self.hold = Hold("concurrency", None, 1)
        self.waiting: dict[Place, Asking] = {}
        self.inside: set[Place] = set()
        self.verdicts: list[Verdict] = []

    async def turn(
        self, _epoch: int, _endpoint: str, *, arrived: Sequence[Asking], ended: Sequence[Ended], hurried: Sequence[Place]
    ) -> Look:
        self.turns += 1
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise Away("PostgreSQL: away")
        for item in ended:
            self.waiting.pop(item.place, None)
            if item.place in self.inside:
                self.inside.discard(item.place)
                self.verdicts.append(item.verdict)
        for asking in arrived:
            self.waiting[asking.run_id, asking.component] = asking
        for place in hurried:
            self.waiting[place] = replace(self.waiting[place], retry=False)
        granted = self._let_on()
        return Look(NOW, granted, {False: None if self.room else self.hold, True: self.hold}, "closed")

    def _let_on(self) -> set[Place]:
        granted: set[Place] = set()
        for place in list(self.waiting):
            if self.room and not (self.waiting[place].retry and self.hold.limit == "retry_budget"):
                self.room -= 1
                del self.waiting[place]
                granted.add(place)
        self.inside |= granted
        return granted

    async def granted(self, _epoch: int) -> set[Place]:
        return self.inside | self._let_on()  # as if another executor had made room


class Writer:
    """Commits at once; keeps every event."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.entries: list[Any] = []

    def add(self, entry: Any) -> None:
        self.entries.append(entry)
        self.events += [decode(line) for line in entry.lines]
        asyncio.get_running_loop().call_soon(entry.committed, entry)

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


class Attempts:
    def __init__(self) -> None:
        self.made = 0
        self.do: Callable[[], Outcome] = lambda: Outcome({})

    async def make(self, *_: Any, **__: Any) -> Outcome:
        self.made += 1
        return self.do()


class Stage:
    def __init__(self) -> None:
        self.plans, self.gates, self.writer, self.attempts = Plans(), Gates(), Writer(), Attempts()
        self.admission = Admission(self.plans, self.gates, epoch=lambda: 1)  # type: ignore[arg-type]
        self.engine = Engine(
            self.attempts,  # type: ignore[arg-type]
            self.admission,
            self.writer,  # type: ignore[arg-type]
            host="h",
            clock=lambda: NOW,
            lane=lambda _: 0,
        )

    def start(self, run_id: str = "r", **more: Any) -> Active:
        self.engine.start(PLAN, run_id, inputs={}, requested_by="t", trigger="api", trace=TRACE, command=("e", "p"), **more)
        return self.engine.active[run_id]


@pytest.fixture
async def stage() -> Any:
    stage = Stage()
    await stage.admission.start()
    yield stage
    await stage.admission.stop()


async def test_an_attempt_waits_says_so_goes_on_and_gives_its_place_back(stage: Stage) -> None:
    stage.start()
    await eventually(lambda: "attempt.held" in stage.writer.kinds())
    assert not stage.attempts.made
    stage.gates.room = 1
    await eventually(lambda: stage.writer.kinds()[-1] == "run.finished")
    held = [event for event in stage.writer.events if event["event"] == "attempt.held"]
    assert [event.get("over") for event in held] == [None, True]
    assert "“ep”" in held[0]["reason"]
    await eventually(lambda: stage.gates.verdicts == [Verdict.ANSWERED])
    adapter: TypeAdapter[Any] = TypeAdapter(RunEvent)
    for event in stage.writer.events:
        adapter.validate_json(encode(event))


async def test_without_limits_no_gate_is_asked(stage: Stage) -> None:
    stage.plans.given = replace(LIMITED, limits=EndpointLimits())
    stage.start()
    await eventually(lambda: stage.writer.kinds()[-1:] == ["run.finished"])
    assert stage.gates.turns == 0


async def test_what_an_attempt_shows_reaches_the_breaker(stage: Stage) -> None:
    def fail() -> Outcome:
        raise Retryable("Boom", "It went wrong.")

    stage.gates.room, stage.attempts.do = 1, fail
    stage.start()
    await eventually(lambda: stage.gates.verdicts == [Verdict.FAILED])


async def test_a_wait_that_is_cancelled_leaves_nothing_behind(stage: Stage) -> None:
    active = stage.start()
    await eventually(lambda: bool(stage.gates.waiting))
    await stage.engine.halt(active, 1)
    await eventually(lambda: not stage.gates.waiting)
    assert stage.admission.held == 0
    assert not stage.attempts.made


async def test_attempts_wait_for_the_database_and_ask_once_more(stage: Stage) -> None:
    stage.gates.away, stage.gates.room = 2, 1
    stage.start()
    await eventually(lambda: stage.writer.kinds()[-1:] == ["run.finished"])
    assert stage.attempts.made == 1


async def test_a_pause_takes_a_waiting_attempt_away_and_costs_it_nothing(stage: Stage) -> None:
    active = stage.start()
    await eventually(lambda: bool(stage.gates.waiting))
    stage.engine.write(active, active.run.pause(NOW, reason="look first", requested_by="ada"))
    stage.gates.room = 5
    await eventually(lambda: not stage.gates.waiting)
    assert not stage.attempts.made
    assert active.run.state.components["A"].status == "retrying"
    assert active.run.state.components["A"].failures == active.run.state.components["A"].losses == 0
    assert "paused" in stage.writer.events[-1]["failure"]["message"]
    assert stage.writer.entries[-1].waits == (), "while it is paused nothing comes due"
    stage.engine.write(active, active.run.proceed(NOW, reason="", requested_by="ada"))
    await eventually(lambda: active.run.state.finished)
    assert stage.attempts.made == 1


async def test_a_wait_ends_with_the_components_deadline(stage: Stage) -> None:
    definition = WorkflowDefinition(workflow="w", components=(Component(name="A", kind="service", endpoint="ep", deadline=0.2),))
    plan = Plan(Published("w1", 1, definition, retired=False), Graph(definition), {})
    stage.engine.start(plan, "r", inputs={}, requested_by="t", trigger="api", trace=TRACE, command=("e", "p"))
    await eventually(lambda: stage.writer.kinds()[-1:] == ["run.finished"])
    failed = next(event for event in stage.writer.events if event["event"] == "attempt.failed")
    assert failed["failure"]["code"] == "DeadlineExceeded"
    assert "waited for its turn" in failed["failure"]["message"]
    await eventually(lambda: not stage.gates.waiting)
    assert not stage.attempts.made


async def test_retry_now_passes_the_retry_budget_only(stage: Stage) -> None:
    stage.gates.hold = Hold("retry_budget", NOW + timedelta(seconds=9), 6)
    active = stage.start()
    assert stage.admission.hurry("r", "A") is None, "it does not wait yet"
    await eventually(lambda: bool(stage.gates.waiting))
    hold = stage.admission.hurry("r", "A")
    assert hold is not None
    assert hold.limit == "retry_budget"
    stage.gates.room = 1
    await eventually(lambda: active.run.state.finished)


def a_run(events: Sequence[dict[str, Any]] = ()) -> Run:
    state = fold("r", "w1", PLAN.graph.components, events)
    return Run(PLAN.graph, state, host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)


def begin(run: Run, **more: Any) -> list[dict[str, Any]]:
    return run.start(NOW, version=1, inputs={}, requested_by="t", trigger="api", trace=TRACE, **more)


def test_a_queued_run_has_no_attempts_until_it_is_released_and_can_be_cancelled() -> None:
    run = a_run()
    events = begin(run, queued="workflow", priority=7)
    assert [(e["event"], e["queued"], e["queued_for"], e["priority"]) for e in events] == [("run.started", True, "workflow", 7)]
    again = a_run([decode(encode(event)) for event in events])
    assert (again.state.standing, again.state.priority) == ("queued", 7)
    assert [event["event"] for event in again.release(NOW)] == ["run.released", "attempt.started"]
    assert again.release(NOW) == [], "a run is released once"
    assert [event["event"] for event in run.cancel(NOW, reason="", transfers={})] == ["component.finished", "run.finished"]


def test_a_retry_may_have_to_wait_for_its_turn() -> None:
    run = a_run()
    begin(run)
    run.succeed(NOW, "A", output={})
    reopened = run.retry(NOW, ["A"], scope="only", requested_by="t", queued="workflow")
    assert [(event["event"], event["queued"]) for event in reopened] == [("run.reopened", True)]
    assert run.state.standing == "queued"
    assert [event["event"] for event in run.release(NOW)] == ["run.released", "attempt.started"]


def test_an_executor_that_stops_costs_a_waiting_attempt_nothing() -> None:
    events = begin(run := a_run())
    for _ in range(9):
        events += run.hold(NOW, "A", limit="breaker", reason="open", until=NOW, over=False)
        run = a_run([decode(encode(event)) for event in events])
        events += run.resume(NOW)
        assert run.state.components["A"].status == "running"
        assert run.state.components["A"].losses == 0
    events += run.hold(NOW, "A", limit="breaker", reason="open", until=None, over=False)
    events += run.hold(NOW, "A", limit="breaker", reason="goes on", until=None, over=True)
    events += run.resume(NOW)
    assert run.state.components["A"].losses == 1, "once it goes on it may have touched something"
