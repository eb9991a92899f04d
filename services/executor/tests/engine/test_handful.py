"""A handful of plain starts is begun without a look for what is there already: the journal says so when it is asked to write."""

from collections.abc import Sequence
from typing import Any

import pytest

from executor.application.asked import Asked
from shared.contracts.runs import CancelRun, StartRun


@pytest.fixture
def looks(stage: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The events that are looked for."""
    found: list[list[str]] = []
    seen = stage.journal.seen

    async def look(consumer: str, event_ids: Sequence[str], run_ids: Sequence[str]) -> Any:
        found.append(list(event_ids))
        return await seen(consumer, event_ids, run_ids)

    monkeypatch.setattr(stage.journal, "seen", look)
    return found


def start(run: str | None, event: str = "", *, external: bool = False, **more: Any) -> Asked:
    command = StartRun(**({"workflow": "orders", "run_id": run, "requested_by": "ada"} | more))
    return Asked(command, event or f"event-{run}", "t:0:1", external=external, traceparent=None, size=10)


async def take(stage: Any, *batch: Asked) -> None:
    settled = await stage.commands().handle(batch)
    if settled is not None:
        await settled


async def test_a_few_starts_are_not_looked_for(stage: Any, looks: list[list[str]]) -> None:
    stage.publish(components={"A": {}})
    await take(stage, start("one"), start("two"))
    for run in ("one", "two"):
        assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    assert looks == []


async def test_what_comes_again_after_its_end_begins_nothing_and_holds_up_nobody(stage: Any, looks: list[list[str]]) -> None:
    stage.publish(components={"A": {}})
    await take(stage, start("one"), start("two"))
    await stage.until("one", "run.finished")
    await stage.until("two", "run.finished")
    before = {run: stage.events(run) for run in ("one", "two")}
    # The same event, another event for the same run, and the same event for another run: none of them begins one.
    await take(stage, start("new"), start("one"), start("two", event="event-other"), start("last"))
    await take(stage, start("three", event="event-one"))
    for run in ("new", "last"):
        assert (await stage.until(run, "run.finished"))["status"] == "succeeded"
    assert {run: stage.events(run) for run in ("one", "two")} == before
    assert stage.events("three") == []
    assert stage.engine.active == {}
    assert [work.run_id for work in stage.acting.made] == ["one", "two", "new", "last"]
    assert looks == []


@pytest.mark.parametrize(
    "batch",
    [
        [start(f"r{number}") for number in range(17)],
        [start("one"), start("one", event="event-other")],
        [start("one"), start("two", event="event-one")],
        [start("one", external=True)],
        [start(None, event="event-x")],
        [start("one"), start("other", workflow="unknown")],
        [start("one", inputs={"a": "\0"})],
        [start("one"), Asked(CancelRun(run_id="nobody"), "event-cancel", "t:0:1", external=False, traceparent=None)],
    ],
    ids=["many", "run twice", "event twice", "from outside", "without an id", "unknown workflow", "refused", "no start"],
)
async def test_anything_else_is_looked_for(stage: Any, looks: list[list[str]], batch: list[Asked]) -> None:
    stage.publish(components={"A": {}}, triggers=[{"kind": "event"}])
    await take(stage, *batch)
    assert looks == [[asked.event_id for asked in batch]]


async def test_runs_that_may_have_to_wait_for_their_turn_are_looked_for(stage: Any, looks: list[list[str]]) -> None:
    class Turns:
        async def reserve(self, _epoch: int, wanted: Any) -> set[str]:
            return {want.run_id for want in wanted}

    stage.queue._turns = Turns()
    stage.publish(components={"A": {}}, concurrency=1)
    await take(stage, start("one"))
    assert looks == [["event-one"]]
