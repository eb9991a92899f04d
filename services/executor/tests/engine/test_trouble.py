"""What nobody has thought of, and what comes in crowds: it is one run's trouble, or none, and everything else goes on."""

import asyncio
import json
from typing import Any

import pytest

from executor.application.ports import Retryable, StaleEpoch
from shared.contracts.runs import CancelRun, RetryRun
from shared.contracts.workflows import FixedRetry
from shared.runtime.parts import Away
from shared.testing.wait import eventually


async def test_an_error_that_nobody_thought_of_fails_the_attempt_and_is_retried(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the connector's work, too: at the gate of the endpoint, where the attempt would else end without a word."""
    stage.publish(components={"A": {"retry": FixedRetry(every=60, attempts=2)}})
    free = stage.engine._gates.open
    broken = [KeyError("limits")]

    def breaks_once(*asked: Any) -> Any:
        if broken:
            raise broken.pop()
        return free(*asked)

    monkeypatch.setattr(stage.engine._gates, "open", breaks_once)
    run = await stage.start()
    seen = await stage.until(run, "attempt.failed")
    assert (seen["failure"]["code"], seen["failure"]["answer"], seen["failure"]["retryable"]) == ("InternalError", "'limits'", True)
    assert "(KeyError)" in seen["failure"]["message"]
    assert stage.acting.made == []
    await stage.later(61)
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    assert len(stage.acting.made) == 1


async def test_a_library_that_cancels_itself_fails_the_attempt_and_does_not_end_it_without_a_word(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.publish(components={"A": {"retry": FixedRetry(every=60, attempts=2)}})
    act = stage.acting.act
    broken = [asyncio.CancelledError()]

    async def cancels_itself_once(work: Any) -> Any:
        if broken:
            raise broken.pop()
        return await act(work)

    monkeypatch.setattr(stage.acting, "act", cancels_itself_once)
    run = await stage.start()
    failure = (await stage.until(run, "attempt.failed"))["failure"]
    assert (failure["code"], failure["retryable"]) == ("InternalError", True)
    await stage.later(61)
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"


async def test_many_attempts_begin_over_several_turns_of_the_event_loop(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executor.application.making._AT_ONCE", 3)
    making = stage.engine._making
    making._room = 3
    stage.publish(components={name: {} for name in "ABCDEFGHIJ"})
    turns: list[int] = []
    make, turn = making._attempts.make, making._next_turn

    async def count(*what: Any, **more: Any) -> Any:
        turns[-1] += 1
        return await make(*what, **more)

    def next_turn() -> None:
        turns.append(0)
        turn()

    turns.append(0)
    monkeypatch.setattr(making._attempts, "make", count)
    monkeypatch.setattr(making, "_next_turn", next_turn)
    run = await stage.start()
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    # The first turn has those that found room and the first of the line.
    assert [begun for begun in turns if begun] == [6, 3, 1]


async def test_attempts_that_wait_for_their_turn_are_stopped_with_their_run(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executor.application.making._AT_ONCE", 1)
    making = stage.engine._making
    making._room = 1
    stage.publish(components={name: {} for name in "ABC"})
    monkeypatch.setattr(making, "_next_turn", lambda: None)
    stage.acting.answers = {"A": [asyncio.Event()]}
    run = await stage.start()
    await eventually(lambda: len(stage.acting.made) == 1, within=10, about="the first attempt")
    assert set(stage.engine.active[run].attempts) == set("ABC")
    assert (await stage.obey(CancelRun(run_id=run)))["status"] == "cancelled"
    monkeypatch.undo()
    making._next_turn()
    await stage.until(run, "run.finished")
    assert [work.name for work in stage.acting.made] == ["A"]
    assert stage.engine.active == {}


async def test_an_output_that_is_no_json_fails_its_component_clearly(stage: Any) -> None:
    stage.publish(components={"A": {"retry": FixedRetry(every=1, attempts=3)}, "B": {}}, edges=[("A", "B")])
    stage.acting.answers = {"A": [{"rows": [{"at": object()}]}]}
    run = await stage.start()
    assert (await stage.until(run, "run.finished"))["status"] == "failed"
    ended = stage.last(run, "component.finished", "A")
    assert (ended["failure"]["code"], ended["attempt"]) == ("OutputInvalid", 1)
    assert "“A” gave can't be written as JSON" in ended["failure"]["message"]


async def test_a_life_that_was_lost_while_the_database_was_away_leaves_no_wait_behind(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are not read while the journal waits; an executor that has nothing to write would read none for ever."""
    stage.publish(components={"A": {}})
    lost: list[str] = []
    monkeypatch.setattr(stage.writer, "_lost", lost.append)
    away = [Away("PostgreSQL does not answer")] * 2

    async def commit(*_: Any) -> None:
        raise away.pop() if away else StaleEpoch("epoch 1 is over")

    async def stands(*_: Any) -> bool:
        return False

    monkeypatch.setattr(stage.journal, "commit", commit)
    monkeypatch.setattr(stage.journal, "stands", stands)
    asking = asyncio.create_task(stage.start())
    await eventually(lambda: stage.writer.waiting, within=10, every=0.001, about="the writer says that it waits")
    await eventually(lambda: lost, within=10, about="the life is lost")
    assert stage.writer.waiting == ""
    asking.cancel()


async def test_an_entry_that_cannot_be_written_holds_up_no_other_run(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it end the writer: only its own run stands still, and the log says so."""
    stage.publish(components={"A": {}, "B": {}}, edges=[("A", "B")])
    going = asyncio.Event()
    stage.acting.answers = {"A": [going, going, going, {}, {}, {}]}
    poisoned, *others = [await stage.start() for _ in range(3)]
    for run in (poisoned, *others):
        await stage.until(run, "attempt.started", "A")
    commit = stage.journal._commit

    def refuses(epoch: int, published: int, lease: float, entries: Any) -> None:
        if any(entry.run_id == poisoned for entry in entries):
            raise KeyError("no column takes this")
        commit(epoch, published, lease, entries)

    monkeypatch.setattr(stage.journal, "_commit", refuses)
    going.set()
    for run in others:
        assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    assert [event["event"] for event in stage.events(poisoned)] == ["run.started", "attempt.started"]
    monkeypatch.undo()
    await stage.live()
    assert (await stage.until(poisoned, "run.finished"))["status"] == "succeeded", "the next life reads it back"


async def test_what_no_reader_can_keep_is_replaced_before_anything_follows(stage: Any) -> None:
    """NUL and halves of surrogate pairs, in outputs and in what the other side said: PostgreSQL's JSON and UTF-8 know neither."""
    stage.publish(components={"A": {}, "B": {"retry": FixedRetry(every=60, attempts=2)}}, edges=[("A", "B")])
    stage.acting.answers = {"A": [{"te\0xt": ["a\0b", "\ud800c"]}], "B": [Retryable("Odd\0", "it said \0", answer="\0\udfff")]}
    run = await stage.start()
    seen = await stage.until(run, "attempt.failed", "B")
    clean = {"te\ufffdxt": ["a\ufffdb", "\ufffdc"]}
    assert stage.last(run, "component.finished", "A")["output"] == clean
    assert [place.output for _, place in stage.acting.made[-1].sources] == [clean], "what follows is given what the journal says"
    assert (seen["failure"]["code"], seen["failure"]["message"], seen["failure"]["answer"]) == (
        "Odd\ufffd",
        "it said \ufffd",
        "\ufffd\ufffd",
    )
    assert not any(b"\\u0000" in line for line in stage.journal.lines[run])


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ({"text": "x" * 1_000_001}, "OutputTooLarge"),
        ({"deep": json.loads("[" * 180 + "]" * 180)}, "OutputInvalid"),
        ({"deep": json.loads("[" * 230 + "]" * 230)}, "OutputInvalid"),
        ({"deep": json.loads("[" * 900 + "]" * 900)}, "OutputInvalid"),
    ],
)
async def test_an_output_that_no_event_holds_fails_its_component_and_the_run_can_be_read_back(
    stage: Any, output: dict[str, Any], code: str
) -> None:
    stage.publish(components={"A": {"retry": FixedRetry(every=1, attempts=3)}})
    stage.acting.answers = {"A": [output]}
    run = await stage.start()
    await stage.until(run, "run.finished")
    ended = stage.last(run, "component.finished", "A")
    assert (ended["failure"]["code"], ended["attempt"]) == (code, 1)
    await stage.live()
    assert (await stage.obey(RetryRun(run_id=run, scope="failed")))["event"] == "run.reopened"
