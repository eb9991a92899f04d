"""What a command's envelope may look like, and what becomes of one that comes right behind its start."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter

from executor.application.commands import Asked, Commands, Refusal, run_ids_of, trace_of
from executor.domain.durations import seconds_of
from shared.contracts.base import Id
from shared.contracts.runs import CancelRun, StartRun


@pytest.mark.parametrize("event_id", ["runs.commands.v1:3:42:1795377600000", "0197c1d2", "with spaces and ünïcode", "x" * 500, "-", ":a"])
def test_every_event_makes_a_run_id_that_fits_and_stays(event_id: str) -> None:
    (made,) = run_ids_of(asked(event_id))
    TypeAdapter(Id).validate_python(made)
    assert run_ids_of(asked(event_id)) == (made,)
    assert run_ids_of(asked(event_id, run_id="mine")) == ("mine",)


def asked(event_id: str, given_id: str = "", **more: Any) -> Asked:
    return Asked(StartRun(workflow="w", **more), event_id, "t:0:1", True, None, given_id=given_id)


def test_an_id_from_a_source_outside_names_the_run_while_it_is_free() -> None:
    first, second = run_ids_of(asked("/billing#1", "1")), run_ids_of(asked("/shop#1", "1"))
    assert first[0] == second[0] == "1"
    assert first[1] != second[1]
    TypeAdapter(Id).validate_python(first[1])
    assert run_ids_of(asked("/billing#1", "1", run_id="mine")) == ("mine",)
    assert len(run_ids_of(asked("/billing#no id", "no id"))) == 1


def test_a_run_belongs_to_its_producers_trace() -> None:
    trace = trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert (trace.trace_id, trace.parent_span_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


@pytest.mark.parametrize(
    "header", [None, "", "garbage", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-XYZ-1-1", "00-" + "g" * 32 + "-" + "1" * 16 + "-01"]
)
def test_without_a_trace_that_can_be_read_a_new_one_begins(header: str | None) -> None:
    trace = trace_of(header)
    assert trace.parent_span_id is None
    assert len(trace.trace_id) == 32
    assert len(trace.span_id) == 16


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("2m", 120), ("1.5h", 5400), ("1d", 86400)])
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1w", "1s1s", "٣s"])
def test_what_is_no_duration_says_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="for example"):
        seconds_of(text)


class Standing:
    """A journal in which a run stands once what was on its way is settled, and the desk that commands come to."""

    def __init__(self) -> None:
        self.runs: set[str] = set()
        self.kept: list[str] = []
        self.refused: list[str] = []

    async def seen(self, _consumer: str, _ids: Sequence[str], _named: Sequence[str]) -> tuple[set[str], set[str]]:
        return set(), set()

    async def existing(self, run_ids: Sequence[str]) -> set[str]:
        return self.runs & set(run_ids)

    async def keep(self, _asked: Asked, run_id: str) -> None:
        self.kept.append(run_id)

    async def refuse(self, refusal: Refusal) -> None:
        self.refused.append(refusal.run_id)

    async def stand(self) -> None:
        self.settled()

    def settled(self) -> "asyncio.Future[None]":
        self.runs.add("begun")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answer.set_result(None)
        return answer


async def test_a_command_right_behind_its_start_waits_until_the_run_stands() -> None:
    standing = Standing()
    parts: Any = standing
    engine: Any = SimpleNamespace(active={"begun": object()}, settled=standing.settled, standing=standing.stand)
    nothing: Any = None
    commands = Commands(engine, parts, nothing, parts, nothing, consumer="c", caught_up=nothing, nudge=lambda: None, events=nothing)
    await commands.handle([Asked(CancelRun(run_id=run), f"e-{run}", "runs.commands.v1:0:1", False, None) for run in ("begun", "never")])
    assert standing.kept == ["begun"]
    assert standing.refused == ["never"]
