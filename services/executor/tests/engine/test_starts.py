"""Starts that can't be: refused with the field at fault, and nothing is left behind."""

from typing import Any

import pytest

from executor.application.asked import Asked
from executor.application.engine import Engine
from executor.domain.events import MOST_BYTES
from shared.contracts.runs import RetryRun, StartRun


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("inputs", "why"),
    [({"note": "a\0b"}, "NUL"), ({"note": {"a\0b": 1}}, "NUL"), ({"note": nested(160)}, "nested"), ({"note": nested(40_000)}, "nested")],
)
async def test_inputs_that_cannot_be_kept_are_refused(stage: Any, inputs: dict[str, Any], why: str) -> None:
    stage.publish(components={"A": {}}, inputs={"note": {}})
    run = await stage.start(inputs=inputs)
    (refusal,) = stage.desk.refusals
    assert refusal.reason.startswith("inputs: ")
    assert why in refusal.reason
    assert stage.events(run) == []
    assert stage.engine.active == {}


async def test_inputs_of_any_sensible_depth_are_taken_and_read_back(stage: Any) -> None:
    stage.publish(components={"A": {}}, inputs={"note": {}})
    run = await stage.start(inputs={"note": nested(140)})
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"


async def test_a_start_that_ends_in_an_error_leaves_no_run_under_way(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the next try would take it for one that is on its way, and pass it by."""
    stage.publish(components={"A": {}})

    def breaks(*_: Any, **__: Any) -> None:
        raise KeyError("nobody has thought of it")

    monkeypatch.setattr(Engine, "write", breaks)
    with pytest.raises(KeyError):
        await stage.start()
    assert stage.engine.active == {}
    monkeypatch.undo()
    run = await stage.start()
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"


async def test_inputs_that_make_an_event_too_large_with_the_defaults_are_refused(stage: Any) -> None:
    """What goes on in an event must fit in a message; the command alone did."""
    stage.publish(components={"A": {}}, inputs={"given": {}, "filled": {"default": "d" * 600_000}})
    run = await stage.start(inputs={"given": "g" * 600_000})
    (refusal,) = stage.desk.refusals
    assert refusal.reason.startswith("inputs: with what the workflow adds, the start would be an event of 12")
    assert stage.events(run) == []
    assert stage.engine.active == {}
    run = await stage.start(inputs={"given": "g" * 440_000})
    assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    assert max(map(len, stage.journal.lines[run])) < MOST_BYTES
    refused = await stage.obey(RetryRun(run_id=run, components=("A",), inputs={"given": "g" * 450_000}))
    assert (refused["event"], refused["reason"][:45]) == ("command.refused", "inputs: with what the workflow adds, the retr")
    for inputs, why in (({"given": "\0"}, "NUL"), ({"given": nested(160)}, "nested")):
        refused = await stage.obey(RetryRun(run_id=run, components=("A",), inputs=inputs))
        assert (refused["event"], why in refused["reason"]) == ("command.refused", True)
    again = await stage.obey(RetryRun(run_id=run, components=("A",), inputs={"given": "g" * 440_000}))
    assert again["event"] == "run.reopened"


async def test_two_sources_that_give_the_same_id_begin_two_runs_and_each_only_one(stage: Any) -> None:
    """An id is unique within its source only; the first that comes gives it to its run."""
    stage.publish(components={"A": {}}, triggers=({"kind": "event"},))
    one, other = (Asked(StartRun(workflow="orders"), f"/{name}#1", "t:0:1", True, None, given_id="1") for name in ("billing", "shop"))
    commands = stage.commands()
    await commands.handle([one, other, one])
    runs = set(stage.engine.active) | set(stage.journal.runs)
    assert len(runs) == 2
    assert "1" in runs
    # Again, before it is known whether the first time stands, and after.
    for batch in ([one], [other, one], [other]):
        await commands.handle(batch)
        await stage.engine.settled()
    assert set(stage.journal.runs) == runs
    assert stage.desk.refusals == []
