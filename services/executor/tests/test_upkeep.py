"""A planned attempt is looked for when it is due, not at the next look; and what is due together is read together."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from executor.application.entries import Stored
from executor.application.upkeep import DatabaseClock, Life
from executor.domain.events import stamp
from executor.main import build
from executor.settings import Settings
from shared.runtime import keys
from shared.testing.wait import eventually

LOOK = 30.0


class Journal:
    """Knows one run whose attempt is due at a moment."""

    def __init__(self) -> None:
        self.due_at: float | None = None
        self.asked_due: list[float] = []
        self.loaded: list[list[str]] = []
        self.runs = ["a", "b", "c"]

    async def join(self, *_: Any) -> tuple[int, datetime]:
        return 1, datetime.now(UTC)

    async def renew(self, *_: Any) -> datetime:
        return datetime.now(UTC)

    async def inherit(self, *_: Any) -> None:
        return None

    async def retire(self, *_: Any) -> None:
        return None

    async def news(self, _epoch: int, within: float) -> tuple[float | None, bool]:
        left = None if self.due_at is None else self.due_at - time.monotonic()
        return (left if left is not None and left <= within else None), False

    async def due(self, *_: Any) -> list[tuple[str, str]]:
        self.asked_due.append(time.monotonic())
        if self.due_at is None:
            return []
        self.due_at = None
        return [(run, "A") for run in self.runs]

    async def load(self, runs: list[str]) -> list[Stored]:
        self.loaded.append(runs)
        return [Stored(run, "w", 1, "running", []) for run in runs]


class Engine:
    """Takes runs in and notes which attempts it was told to make."""

    def __init__(self) -> None:
        self.active: dict[str, Any] = {}
        self.woken: list[str] = []

    def take(self, _plan: Any, stored: Stored) -> Any:
        part = Mock(status="retrying")
        self.active[stored.run_id] = active = Mock()
        active.run.state.components = {"A": part}
        active.run_id = stored.run_id
        return active

    def wake(self, active: Any, _name: str) -> None:
        self.woken.append(active.run_id)

    async def standing(self) -> None:
        return None

    async def hand_back(self, _within: float) -> None:
        return None

    def abandon(self) -> None:
        return None


class Requests:
    def __init__(self, engine: Engine) -> None:
        self.take = engine.take

    async def plan(self, _stored: Stored) -> object:
        return object()


class Writer:
    def start(self, _epoch: int) -> None:
        return None

    async def stop(self) -> None:
        return None


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def life(journal: Journal, engine: Engine) -> AsyncIterator[Life]:
    life = Life(
        engine,  # type: ignore[arg-type]
        Writer(),  # type: ignore[arg-type]
        journal=journal,  # type: ignore[arg-type]
        outcomes=Mock(published=0),
        requests=Requests(engine),  # type: ignore[arg-type]
        clock=DatabaseClock(),
        instance="0",
        host="h/0",
        lease=60,
        look=LOOK,
    )
    yield life
    await life.stop()


async def test_a_look_that_sees_what_comes_looks_again_at_its_time(life: Life, journal: Journal, engine: Engine) -> None:
    journal.due_at = due = time.monotonic() + 0.4
    await life.start()
    await eventually(lambda: engine.woken, within=LOOK / 2, every=0.01)
    assert journal.asked_due[0] >= due, "not before its time"
    assert engine.woken == ["a", "b", "c"]
    assert journal.loaded == [["a", "b", "c"]], "read together"


async def test_what_is_planned_between_two_looks_comes_at_its_time_too(life: Life, journal: Journal, engine: Engine) -> None:
    await life.start()
    await asyncio.sleep(0.1)  # the first look found nothing
    journal.due_at = due = time.monotonic() + 0.3
    later = datetime.now(UTC) + timedelta(seconds=0.3)
    life.planned(Mock(), {"event": "attempt.failed", "next_attempt_at": stamp(later + timedelta(hours=1))})
    life.planned(Mock(), {"event": "attempt.failed", "next_attempt_at": stamp(later)})
    await eventually(lambda: engine.woken, within=LOOK / 2, every=0.01)
    assert journal.asked_due[0] >= due - 0.05


def test_the_clock_follows_the_databases_time_and_never_goes_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = 100.0
    monkeypatch.setattr("executor.application.upkeep.time.monotonic", lambda: steady)
    clock = DatabaseClock()
    began = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    clock.set(began)
    read = [clock()]
    for _ in range(5000):
        steady += 0.0003
        read.append(clock())
        assert timedelta(0) <= began + timedelta(seconds=steady - 100.0) - read[-1] < timedelta(milliseconds=1)
    assert read == sorted(read)
    clock.set(began - timedelta(seconds=9))
    assert clock() == began - timedelta(seconds=9)


def test_a_life_begins_before_a_group_is_joined(tmp_path: Path) -> None:
    """To join can take as long as a dead member's session; its runs must not wait for that."""
    keys.make(tmp_path / "keys")
    service = build(Settings(kafka="127.0.0.1:1", database_url="postgresql://127.0.0.1:1/x", keys_dir=tmp_path / "keys"))  # type: ignore[arg-type]
    names = [named.name for named in service._parts]
    assert names.index("outcomes") < names.index("life") < min(names.index("bus"), names.index("commands"))
