"""The intake of commands: one that fails for good is set aside, and never stops the others."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from executor.application.asked import Asked
from executor.entrypoints import commands as intake_module
from executor.entrypoints.commands import CommandIntake
from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime.parts import Away

START = b'{"command":"start","workflow":"%b"}'


def record(offset: int, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Any:
    return SimpleNamespace(topic=RUNS_COMMANDS.name, partition=0, offset=offset, key=b"k", value=value, headers=headers, timestamp=1)


class Handles:
    """Takes commands in; those of some workflows it can't, however they come."""

    def __init__(self, *poisonous: str) -> None:
        self.poisonous, self.taken, self.batches = poisonous, list[str](), list[int]()
        self.away = 0

    async def handle(self, batch: Sequence[Asked]) -> None:
        self.batches.append(len(batch))
        if self.away:
            self.away -= 1
            raise Away("PostgreSQL does not answer")
        for asked in batch:
            workflow = asked.command.workflow  # type: ignore[union-attr]
            if workflow in self.poisonous:
                raise ZeroDivisionError(f"nobody has thought of {workflow}")
            self.taken.append(workflow)


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, str]]:
    """Return what is set aside: offset, kind, reason."""
    found: list[tuple[int, str, str]] = []

    async def set_aside(_transaction: Any, *, record: Any, verdict: Any, topic: str, **_: Any) -> None:
        assert topic == "runs.commands.v1.g.dlq"
        found.append((record.offset, verdict.kind, verdict.reason))

    async def enter(_session: Any, _group: str, positions: dict[str, str]) -> list[str]:
        return list(positions)

    monkeypatch.setattr(intake_module, "set_aside", set_aside)
    monkeypatch.setattr(intake_module, "enter", enter)
    monkeypatch.setattr(intake_module, "_BETWEEN_TRIES", 0.001)
    return found


def intake_of(handles: Handles) -> CommandIntake:
    @contextlib.asynccontextmanager
    async def transaction() -> AsyncIterator[Any]:
        yield SimpleNamespace(session=None)

    nothing: Any = None
    more: Any = {"outbox": SimpleNamespace(transaction=transaction), "origin": SimpleNamespace(ours=lambda *_: False)}
    return CommandIntake(nothing, handles, nothing, queue=SimpleNamespace(room=1), group="g", poll=100, **more)  # type: ignore[arg-type]


async def test_one_command_that_nobody_has_thought_of_is_set_aside_and_the_others_are_taken(aside: list[Any]) -> None:
    handles = Handles("bad")
    intake = intake_of(handles)
    await intake._take([record(offset, START % name) for offset, name in enumerate((b"first", b"bad", b"last"), start=7)])
    assert handles.taken == ["first", "first", "last"], "what was taken in before the error comes again, and the inbox knows it"
    assert aside == [(8, "failed", "ZeroDivisionError: nobody has thought of bad")]
    assert [ends for _, ends in intake._under_way] == [{TopicPartition(RUNS_COMMANDS.name, 0): end} for end in (8, 9, 10)]
    assert all(settled.done() for settled, _ in intake._under_way)


async def test_a_database_that_is_away_costs_no_command_its_place(aside: list[Any]) -> None:
    handles = Handles()
    handles.away = 2
    intake = intake_of(handles)
    await intake._take([record(1, START % b"first")])
    assert (handles.taken, aside, intake.waiting) == (["first"], [], "")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b'{"command":"start","workflow":"w","version":3000000000}', "version"),
        (b'{"command":"start","workflow":"w","version":0}', "version"),
        (b'{"command":"start","workflow":"w","version":1e300}', "version"),
        (b'{"command":"retry","run_id":"r","scope":"failed","version":9223372036854775808}', "version"),
        (b'{"command":"retry","run_id":"r","scope":"failed","expected_seq":3000000000}', "expected_seq"),
        (b'{"command":"start","workflow":"w","inputs":{"deep":' + b"[" * 5000 + b"]" * 5000 + b"}}", "recursion"),
        (b'{"command":"start","workflow":"w","inputs":[1]}', "inputs"),
    ],
)
async def test_what_no_column_holds_is_set_aside_and_names_its_field(aside: list[Any], value: bytes, field: str) -> None:
    handles = Handles()
    await intake_of(handles)._take([record(1, value), record(2, START % b"behind")])
    ((offset, kind, reason),) = aside
    assert (offset, field in reason) == (1, True), reason
    assert kind in {"invalid", "undecodable"}
    assert handles.taken == ["behind"]


async def test_while_a_command_cannot_even_be_set_aside_the_intake_is_not_ready(monkeypatch: pytest.MonkeyPatch, aside: list[Any]) -> None:
    """It is read again, and whoever asks hears why nothing goes on."""

    async def breaks(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("no dead letter")

    monkeypatch.setattr(intake_module, "set_aside", breaks)
    intake = intake_of(Handles("bad"))
    seen: list[str] = []

    class Consumer:
        def assignment(self) -> set[TopicPartition]:
            return set()

        async def getmany(self, **_: Any) -> Any:
            return {None: [record(1, START % b"bad")]}

    async def sleep(seconds: float) -> None:
        if seconds == 1:
            seen.append(intake.waiting)
            intake._stopping = True

    monkeypatch.setattr(intake_module.asyncio, "sleep", sleep)
    intake._engine, intake._writer = SimpleNamespace(active={}), SimpleNamespace(waiting="")  # type: ignore[assignment]
    await intake._run(Consumer())  # type: ignore[arg-type]
    assert seen == ["commands can't be taken in: ZeroDivisionError('no dead letter')"]
    assert aside == []
