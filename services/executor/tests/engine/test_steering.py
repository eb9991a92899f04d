"""What survives a restart, what is refused, and when times come due: the engine as its service runs it, over a journal in memory."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from executor.application.ports import Outcome, Permanent, Retryable
from shared.contracts.runs import CancelRun, PauseRun, ResumeRun, RetryNow, RetryRun
from shared.contracts.workflows import CustomRetry, ErrorClasses, FixedRetry
from shared.testing.wait import eventually


def boom() -> Exception:
    return Retryable("Boom", "It went wrong.")


async def test_a_pause_survives_a_restart_and_what_waits_goes_on_after_it(stage: Any) -> None:
    stage.publish(components={name: {"retry": FixedRetry(every=60)} for name in "ABC"}, edges=[("B", "C")])
    going = asyncio.Event()
    stage.acting.answers = {"A": [boom()], "B": [going, boom()]}
    run = await stage.start()
    await stage.until(run, "attempt.failed", "A")
    paused = await stage.obey(PauseRun(run_id=run, reason="maintenance", requested_by="bob"))
    assert (paused["event"], paused["reason"], paused["requested_by"]) == ("run.paused", "maintenance", "bob")
    assert stage.journal.waits == {}, "nothing comes due in a pause"
    going.set()
    assert "next_attempt_at" in await stage.until(run, "attempt.failed", "B")
    await eventually(lambda: run not in stage.engine.active, within=10)
    assert stage.journal.waits == {}
    await stage.live()
    await stage.later(600)
    refused = await stage.obey(PauseRun(run_id=run))
    assert (refused["event"], refused["command"]) == ("command.refused", "pause")
    assert "paused already" in refused["reason"]
    assert [e["attempt"] for e in stage.events(run) if e["event"] == "attempt.started"] == [1, 1]
    await stage.obey(ResumeRun(run_id=run))
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    assert [stage.last(run, "attempt.started", name)["attempt"] for name in "ABC"] == [2, 2, 1]
    for command in (PauseRun(run_id=run), ResumeRun(run_id=run)):
        assert (await stage.obey(command))["event"] == "command.refused"
    assert stage.engine.active == {}


async def test_a_runs_time_limit_comes_after_a_restart_and_for_runs_that_are_not_in_memory(stage: Any) -> None:
    stage.publish(components={"A": {"retry": FixedRetry(every=5000)}, "B": {}}, edges=[("A", "B")], timeout=600)
    stage.acting.answers = {"A": [boom(), asyncio.Event()]}
    waits, works = await stage.start(), await stage.start()
    await stage.until(waits, "attempt.failed")
    await stage.until(works, "attempt.started")
    assert stage.journal.waits[waits, ""] == stage.journal.waits[works, ""] == stage.journal.now + timedelta(seconds=600)
    assert waits not in stage.engine.active
    stage.acting.answers = {"A": [asyncio.Event()]}
    await stage.live()
    await stage.until(works, "attempt.started", "A", times=2)
    await stage.later(599)
    assert not [run for run in (waits, works) if stage.events(run)[-1]["event"] == "run.finished"]
    await stage.later(2)
    for run in (waits, works):
        ended = await stage.until(run, "run.finished")
        assert ended["status"] == "failed"
        assert "within the 600 s of its timeout:" in ended["message"]
        assert {stage.last(run, "component.finished", name)["status"] for name in "AB"} == {"cancelled"}
    assert stage.journal.waits == {}
    assert stage.engine.active == {}
    quick = await stage.start()
    await stage.until(quick, "run.finished")
    assert stage.journal.waits == {}, "a run that ends in time needs its limit no more"


async def test_an_attempt_is_cut_at_its_components_deadline(stage: Any) -> None:
    stage.publish(components={"A": {"deadline": 0.2, "timeout": 60, "retry": FixedRetry(every=0, attempts=9)}})
    stage.acting.answers = {"A": [asyncio.Event()]}
    run = await stage.start()
    ended = await stage.until(run, "component.finished", "A")
    assert (ended["status"], ended["failure"]["code"], ended["attempt"]) == ("failed", "DeadlineExceeded", 1)
    assert "Raise deadline:" in ended["failure"]["message"]
    assert stage.last(run, "attempt.failed")["why"] == "The deadline for all attempts together is over."


async def test_a_parked_run_is_not_in_memory_and_goes_on_in_another_version_with_other_inputs(stage: Any) -> None:
    stage.publish(
        components={"A": {}, "B": {"errors": ErrorClasses(park=("HttpStatus:409",))}, "C": {}},
        edges=[("A", "B"), ("B", "C")],
        inputs={"n": {"type": "integer"}},
    )
    stage.acting.answers = {"A": [{"made": 1}], "B": [Permanent("HttpStatus:409", "shop answered 409.")]}
    run = await stage.start(inputs={"n": 1})
    parked = await stage.until(run, "attempt.failed", "B")
    assert (parked["decision"], parked["failure"]["code"]) == ("park", "HttpStatus:409")
    await eventually(lambda: run not in stage.engine.active, within=10)
    await stage.live()
    await stage.later(100_000)
    assert stage.events(run)[-1] == parked
    stage.publish(
        2, components={"A": {}, "B": {}, "D": {}}, edges=[("A", "B"), ("B", "D")], inputs={"n": {"type": "integer", "minimum": 2}}
    )
    for more, words in (
        ({"version": 7}, "has no version 7"),
        ({"version": 2}, "“n”: it is less than the minimum of 2"),
        ({"inputs": {"m": 1}}, "there is no input “m” (there are: n)"),
        ({"expected_seq": 2}, "gone on since you looked"),
        ({"inputs": {"n": 3, "text": "x" * 10_000_000}}, "a retry may have 1000000"),
    ):
        refused = await stage.obey(RetryRun(run_id=run, components=("B",), **more))
        assert refused["event"] == "command.refused"
        assert words in refused["reason"]
    before = list(stage.journal.lines[run])
    again = await stage.obey(
        RetryRun(run_id=run, components=("B",), version=2, inputs={"n": 5}, expected_seq=len(before), requested_by="ada")
    )
    assert (again["event"], again["again"], again["stays"]) == ("run.reopened", {"B": 2, "D": 1}, ["A"])
    ended = await stage.until(run, "run.finished")
    assert (ended["status"], ended["version"]) == ("succeeded", 2)
    assert stage.journal.lines[run][: len(before)] == before, "what was journalled stays, byte for byte"
    assert (stage.journal.runs[run]["version"], stage.journal.runs[run]["status"]) == (2, "succeeded")
    work = next(work for work in stage.acting.made if work.name == "B" and work.place.generation == 2)
    assert (work.inputs, work.idempotency_key, work.sources[0][1].output) == ({"n": 5}, f"{run}:B:2", {"made": 1})
    await stage.live()
    once_more = await stage.obey(RetryRun(run_id=run, components=("D",)))
    assert once_more["again"] == {"D": 2}, "the run is read back in the version that it goes on in"
    await stage.until(run, "run.finished", times=2)


async def test_of_two_who_retry_at_once_the_second_is_refused(stage: Any) -> None:
    stage.publish(components={"A": {}})
    stage.acting.answers = {"A": [Permanent("Broken", "It can't work."), asyncio.Event()]}
    run = await stage.start()
    await stage.until(run, "run.finished")
    command = RetryRun(run_id=run, components=("A",))
    assert (await stage.obey(command))["event"] == "run.reopened"
    second = await stage.obey(command)
    assert (second["event"], second["reason"]) == ("command.refused", "“A” is running. Wait for its end, or cancel the run first.")


async def test_a_cancel_undoes_across_a_restart(stage: Any) -> None:
    undo = {"UndoA": {"compensates": "A"}, "UndoB": {"compensates": "B"}}
    stage.publish(components={"A": {}, "B": {}, "C": {}, **undo}, edges=[("A", "B"), ("B", "C")], timeout=600)
    stage.acting.answers = {"A": [{"made": "a"}], "C": [asyncio.Event()], "UndoB": [asyncio.Event()]}
    run = await stage.start()
    await stage.until(run, "attempt.started", "C")
    await stage.obey(CancelRun(run_id=run, reason="wrong day", requested_by="bob"))
    await stage.until(run, "attempt.started", "UndoB")
    assert stage.journal.waits == {}, "the run's time limit does not stop its compensations"
    await stage.live()
    ended = await stage.until(run, "run.finished")
    assert (ended["status"], ended["message"], ended["requested_by"]) == ("cancelled", "wrong day", "bob")
    assert stage.last(run, "component.finished", "C")["requested_by"] == "bob"
    started = [(e["component"], e["attempt"]) for e in stage.events(run) if e["event"] == "attempt.started"]
    assert started[-3:] == [("UndoB", 1), ("UndoB", 2), ("UndoA", 1)]
    undone = stage.acting.made[-1]
    assert (undone.name, undone.sources[0][1].output, undone.idempotency_key) == ("UndoA", {"made": "a"}, f"{run}:UndoA:1")


async def test_a_start_is_refused_with_every_field_and_leaves_nothing(stage: Any) -> None:
    stage.publish(
        components={"A": {}},
        inputs={"n": {"type": "integer"}, "day": {"type": "string", "default": "today"}},
        business_key="inputs.day",
        priority=2,
    )
    for more, words in (
        ({"inputs": {"n": "x"}}, "“n”: it is not of type"),
        ({"inputs": {"n": 1}, "size": 10_000_000}, "has 10000000 bytes; a start may have 1000000"),
        ({"inputs": {"n": 1}, "version": 3}, "no workflow “orders” in version 3"),
    ):
        run = await stage.start(**more)
        assert words in stage.desk.refusals[-1].reason
        assert run not in stage.journal.runs
    run = await stage.start(inputs={"n": 1})
    started = await stage.until(run, "run.started")
    assert (started["inputs"], started["business_key"], started["priority"]) == ({"n": 1, "day": "today"}, "today", 2)
    assert (await stage.until(await stage.start(inputs={"n": 1}, priority=9), "run.started"))["priority"] == 9
    stage.publish(2, components={"A": {}}, business_key="inputs.order.id")
    await stage.start(version=2)
    assert "business_key: inputs.order.id has no answer for these inputs" in stage.desk.refusals[-1].reason
    stage.publish(3, components={"A": {"retry": CustomRetry(plugin="fibonacci")}})
    await stage.start(version=3)
    assert "which is not installed" in stage.desk.refusals[-1].reason
    stage.publish(4, components={"A": {}}, retired=True)
    await stage.start(version=4)
    assert "was deleted" in stage.desk.refusals[-1].reason


async def test_retry_now_is_for_what_waits_only(stage: Any) -> None:
    stage.publish(components={"A": {"retry": FixedRetry(every=5000)}})
    stage.acting.answers = {"A": [boom()]}
    run = await stage.start()
    await stage.until(run, "attempt.failed")
    assert (await stage.obey(RetryNow(run_id=run, component="A", requested_by="eve")))["requested_by"] == "eve"
    ended = await stage.until(run, "run.finished")
    assert (ended["status"], "requested_by" in ended) == ("succeeded", False)
    assert stage.journal.waits == {}
    assert "does not wait" in (await stage.obey(RetryNow(run_id=run, component="A")))["reason"]


async def test_a_run_that_comes_to_rest_while_a_command_is_obeyed_is_not_read_twice(stage: Any) -> None:
    going, stage.registry.gate = asyncio.Event(), asyncio.Event()
    components = {"A": {"errors": ErrorClasses(park=("*",))}, "B": {}}
    stage.publish(components=components)
    stage.acting.answers = {"A": [Permanent("Broken", "It can't work.")], "B": [going]}
    run = await stage.start()
    await stage.until(run, "attempt.failed", "A")
    stage.publish(2, components=components)
    obeying = asyncio.create_task(stage.obey(RetryRun(run_id=run, components=("A",), version=2)))
    await asyncio.sleep(0.05)
    going.set()
    await stage.until(run, "component.finished", "B")
    assert run in stage.engine.active
    stage.registry.gate.set()
    await obeying
    assert (await stage.until(run, "run.finished"))["version"] == 2
    await eventually(lambda: stage.engine.active == {}, within=10)


async def test_a_kind_that_only_looks_does_not_pass_for_a_compensation(stage: Any) -> None:
    class Looking:
        kind = "looking"

        async def check(self, _endpoint: Any) -> dict[str, Any]:
            return {}

        async def begin(self, _work: Any) -> Outcome:
            return Outcome({"found": 1})

    stage.plans.connectors["looking"] = Looking()
    stage.publish(components={"A": {"kind": "looking"}, "B": {}, "UndoA": {"kind": "looking", "compensates": "A"}}, edges=[("A", "B")])
    stage.acting.answers = {"B": [asyncio.Event()]}
    run = await stage.start()
    await stage.until(run, "attempt.started", "B")
    await stage.obey(CancelRun(run_id=run, reason="wrong day"))
    ended = await stage.until(run, "run.finished")
    assert ended["message"] == "wrong day. Not everything was undone: “UndoA” (for “A”) is failed."
    assert "only looks at what is there" in stage.last(run, "component.finished", "UndoA")["failure"]["message"]


async def test_a_commit_whose_answer_is_lost_stands_once_and_its_run_goes_on(stage: Any) -> None:
    stage.publish(components={"A": {}, "B": {}}, edges=[("A", "B")])
    stage.journal.answers_to_lose = 3
    run = await stage.start()
    await stage.until(run, "run.finished")
    assert stage.journal.answers_to_lose == 0
    assert [event["seq"] for event in stage.events(run)] == list(range(1, len(stage.events(run)) + 1))
    assert [work.name for work in stage.acting.made] == ["A", "B"]


@pytest.mark.parametrize("first", ["what is due", "the looking through", "a command"])
async def test_an_attempt_that_was_lost_beside_a_planned_one_is_made_again(stage: Any, first: str) -> None:
    stage.publish(components={"A": {"retry": FixedRetry(every=60)}, "B": {}})
    stage.acting.answers = {"A": [boom()], "B": [asyncio.Event()]}
    run = await stage.start()
    await stage.until(run, "attempt.failed", "A")
    await stage.until(run, "attempt.started", "B")
    await stage.live(looks_through=first == "the looking through")
    if first == "a command":
        await stage.obey(RetryNow(run_id=run, component="A"))
    elif first == "what is due":
        await stage.later(61)
    else:
        await stage.until(run, "component.finished", "B")
        assert stage.journal.waits, "what waits goes on waiting"
        await stage.later(61)
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    assert stage.last(run, "attempt.failed", "B")["failure"]["code"] == "ExecutorLost"
    assert [e["attempt"] for e in stage.events(run) if e["event"] == "attempt.started" and e["component"] == "B"] == [1, 2]
