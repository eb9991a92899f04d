"""What goes wrong with one run or one command is its own: timers, other commands and other runs go on."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from executor.application.entries import Request
from executor.application.requests import Requests
from shared.contracts.runs import CancelRun, PauseRun
from shared.contracts.workflows import FixedRetry


async def waiting_runs(stage: Any, count: int) -> list[str]:
    """Return runs that wait for their second attempt."""
    stage.publish(components={"A": {"retry": FixedRetry(every=60, attempts=3)}})
    stage.acting.answers = {"A": [KeyError("not yet")] * count}
    runs = [await stage.start() for _ in range(count)]
    for run in runs:
        await stage.until(run, "attempt.failed")
    return runs


def ask(stage: Any, run: str, body: str) -> None:
    stage.journal.asked.append(Request(next(stage.numbers), run, external=False, body=body))


async def test_a_command_that_nobody_has_thought_of_is_refused_and_what_stands_behind_it_goes_on(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned, other, timed = await waiting_runs(stage, 3)
    begins = Requests._cancel

    async def breaks_half_way(self: Requests, active: Any, reason: str) -> Any:
        events = await begins(self, active, reason)
        if active.run.state.run_id == poisoned:
            raise ZeroDivisionError("in the middle of it")
        return events

    monkeypatch.setattr(Requests, "_cancel", breaks_half_way)
    ask(stage, poisoned, CancelRun(run_id=poisoned, requested_by="ada").model_dump_json())
    ask(stage, other, CancelRun(run_id=other).model_dump_json())
    await stage.life._act()
    refused = await stage.until(poisoned, "command.refused")
    assert (refused["command"], refused["requested_by"]) == ("cancel", "ada")
    assert "unexpected error (ZeroDivisionError)" in refused["reason"]
    assert stage.journal.asked == []
    assert (await stage.until(other, "run.finished"))["status"] == "cancelled"
    await stage.later(61)
    assert (await stage.until(timed, "run.finished"))["status"] == "succeeded"
    assert (await stage.until(poisoned, "run.finished"))["status"] == "succeeded", "nothing of the broken command is left"


@pytest.mark.parametrize("body", ['{"command":"retry","run_id":"%s","scope":"failed","version":3000000000}', "no json", "[1]"])
async def test_a_command_that_cannot_be_read_is_refused_in_its_run(stage: Any, body: str) -> None:
    (run,) = await waiting_runs(stage, 1)
    ask(stage, run, body.replace("%s", run))
    await stage.life._act()
    refused = await stage.until(run, "command.refused")
    assert refused["reason"].startswith("The command can't be used: ")
    assert ("version" in refused["reason"]) == ("version" in body)
    assert stage.journal.asked == []


async def test_a_command_that_cannot_even_be_refused_holds_up_nothing(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned, other, timed = await waiting_runs(stage, 3)
    real = Requests.obey
    tries: list[str] = []

    async def obey(self: Requests, epoch: int, request: Request) -> None:
        if request.run_id == poisoned:
            tries.append(request.body)
            raise ZeroDivisionError
        await real(self, epoch, request)

    async def refuse(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Requests, "obey", obey)
    monkeypatch.setattr(Requests, "refuse", refuse)
    ask(stage, poisoned, PauseRun(run_id=poisoned).model_dump_json())
    ask(stage, other, PauseRun(run_id=other).model_dump_json())
    async with asyncio.timeout(20):
        await stage.later(61)
        await stage.life._act()
    await stage.until(other, "command.refused")
    assert (await stage.until(timed, "run.finished"))["status"] == "succeeded"
    assert len(tries) == 1, "it is not tried over and over"
    assert [request.run_id for request in stage.journal.asked] == [poisoned], "and it is not lost"


async def test_a_run_that_cannot_be_read_back_holds_up_no_other_when_they_are_due_or_inherited(stage: Any) -> None:
    broken, whole = await waiting_runs(stage, 2)
    kept = stage.journal.lines[broken][-1]
    stage.journal.lines[broken][-1] = b'{"event":"attempt.failed","seq":77}'
    await stage.later(61)
    assert (await stage.until(whole, "run.finished"))["status"] == "succeeded"
    stage.journal.waits.clear()  # both are busy, as far as the next life can tell
    stage.journal.runs[whole]["owner"] = stage.journal.epoch
    await stage.live()
    assert stage.journal.runs[broken]["owner"] == stage.journal.epoch
    stage.journal.lines[broken][-1] = kept
    stage.journal.waits[broken, "A"] = stage.journal.now
    await stage.later(1)
    assert (await stage.until(broken, "run.finished"))["status"] == "succeeded", "it goes on once its journal can be read"


async def test_a_life_that_ends_while_others_wait_for_its_writer_ends_no_task(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits until its decisions stand is told; cancelled, timers and commands would never be looked at again."""
    run, other = await waiting_runs(stage, 2)
    held = asyncio.Event()

    async def commit(*_: Any) -> None:
        await held.wait()

    monkeypatch.setattr(stage.journal, "commit", commit)
    lost: list[str] = []
    monkeypatch.setattr(stage.life, "lost", lost.append)
    stage.journal.now += timedelta(seconds=61)
    ask(stage, other, PauseRun(run_id=other).model_dump_json())
    acting = asyncio.create_task(stage.life._living(stage.life._act)())
    intake = asyncio.create_task(stage.start())
    await asyncio.sleep(0.2)
    assert run in stage.engine.active
    assert not acting.done()
    stage.writer._task.cancel()
    stage.writer.start(2)
    await asyncio.wait([acting, intake], timeout=10)
    assert acting.done()
    assert not acting.cancelled()
    assert acting.exception() is None
    assert len(lost) == 1
    intake.cancel()
    held.set()
