"""Starts of workflows that are not here: they get time to come, and a wrong name holds nothing up twice."""

import asyncio
import time
from typing import Any

import pytest

from executor.application import copies
from executor.application import finding as module
from executor.application.asked import Asked
from executor.application.finding import Finding
from shared.contracts.runs import StartRun


class Plans:
    def __init__(self) -> None:
        self.known: dict[tuple[str, int | None], Any] = {}
        self.changes = 0

    async def named(self, name: str, version: int | None) -> Any:
        return self.known.get((name, version))


class Copy:
    """The copy of the registry; it may be behind for ever."""

    def __init__(self) -> None:
        self.behind = False
        self.asked = 0

    async def caught_up(self) -> None:
        self.asked += 1
        if self.behind:
            await asyncio.Event().wait()


def asked(name: str, *, external: bool = True) -> Asked:
    return Asked(StartRun(workflow=name), f"e-{name}", "t:0:1", external, None)


async def seconds_of(finding: Finding, *starts: Asked) -> float:
    began = time.monotonic()
    await finding.workflows(starts)
    return time.monotonic() - began


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.6)
    monkeypatch.setattr(copies, "BEHIND_SECONDS", 0.6)
    monkeypatch.setattr(copies, "STILL_BEHIND_SECONDS", 0.01)


async def test_a_wrong_name_is_waited_for_once_until_the_registry_brings_something_new() -> None:
    plans, copy = Plans(), Copy()
    finding = Finding(plans, copy.caught_up)  # type: ignore[arg-type]
    assert await seconds_of(finding, asked("typo")) >= 0.6
    assert await seconds_of(finding, asked("typo")) < 0.3
    assert copy.asked == 2, "what stands in the topic is looked at each time"
    assert await seconds_of(finding, asked("typo"), asked("other")) >= 0.6, "another one still gets its time"
    plans.changes += 1
    assert await seconds_of(finding, asked("typo")) >= 0.6


async def test_what_our_own_services_name_always_gets_its_time() -> None:
    finding = Finding(Plans(), Copy().caught_up)  # type: ignore[arg-type]
    assert await seconds_of(finding, asked("new", external=False)) >= 0.6
    assert await seconds_of(finding, asked("new", external=False)) >= 0.6


async def test_what_comes_meanwhile_is_found() -> None:
    plans = Plans()
    finding = Finding(plans, Copy().caught_up)  # type: ignore[arg-type]
    asyncio.get_running_loop().call_later(0.2, plans.known.__setitem__, ("late", None), "a plan")
    assert await finding.workflows([asked("late")]) == {("late", "latest"): "a plan"}
    assert not finding.behind


async def test_a_copy_that_never_catches_up_holds_starts_up_for_a_bounded_time() -> None:
    plans, copy = Plans(), Copy()
    copy.behind = True
    finding = Finding(plans, copy.caught_up)  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        assert await finding.workflows([asked("typo")]) == {("typo", "latest"): None}
    assert finding.behind
    assert await seconds_of(finding, asked("typo")) < 0.3
    plans.known["there", None] = "a plan"
    assert await seconds_of(finding, asked("there")) < 0.3
