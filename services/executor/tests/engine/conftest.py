"""The engine without its outside: a journal in memory whose clock a test moves, and components that do what a test says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executor.application.admission import Admission
from executor.application.attempts import Attempts
from executor.application.commands import Asked, Commands, Refusal
from executor.application.engine import Engine
from executor.application.entries import RUN_LIMIT, Conflict, Entry, Request, Stored
from executor.application.ports import Endpoint, Outcome, StaleEpoch, Work
from executor.application.registries import Plans, Published
from executor.application.requests import Requests
from executor.application.run_queue import RunQueue
from executor.application.upkeep import Life
from executor.application.writer import JournalWriter
from executor.domain.events import decode
from shared.contracts.runs import StartRun
from shared.contracts.workflows import Component, Connection, WorkflowDefinition
from shared.runtime.parts import Away
from shared.testing.wait import eventually

TERMINAL = {"succeeded", "failed", "cancelled"}


class MemoryJournal:
    """The tables, with the fence, and with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.epoch = 0
        self.runs: dict[str, dict[str, Any]] = {}
        self.lines: dict[str, list[bytes]] = {}
        self.waits: dict[tuple[str, str], datetime] = {}
        self.asked: list[Request] = []
        self.inbox: set[str] = set()
        self.batch = 0
        self.answers_to_lose = 0

    async def join(self, _instance: str, _host: str, _lease: float) -> tuple[int, datetime]:
        self.epoch += 1
        self.batch = 0
        return self.epoch, self.now

    async def stands(self, epoch: int, batch: int) -> bool:
        return epoch == self.epoch and self.batch >= batch

    async def commit(self, epoch: int, batch: int, published: int, lease: float, entries: Sequence[Entry]) -> None:
        self._commit(epoch, published, lease, entries)
        self.batch = batch
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise Away("PostgreSQL: the connection was closed in the middle of the operation")

    def _commit(self, epoch: int, _published: int, _lease: float, entries: Sequence[Entry]) -> None:
        if epoch != self.epoch:
            raise StaleEpoch(f"epoch {epoch} is over")
        if there := [entry.run_id for entry in entries if self._there(entry)]:
            raise Conflict(", ".join(there))
        for entry in entries:
            if entry.opened:
                workflow_id, _, version = entry.opened
                self.runs[entry.run_id] = {"workflow_id": workflow_id, "version": version, "status": "running", "owner": epoch}
            self.lines.setdefault(entry.run_id, []).extend(entry.lines)
            row = self.runs[entry.run_id]
            row["version"] = entry.version or row["version"]
            if entry.status is not None:
                row |= {"status": entry.status, "owner": None if entry.status in TERMINAL else row["owner"]}
            if entry.command:
                self.inbox.add(entry.command[0])
            for name in entry.woken:
                self.waits.pop((entry.run_id, name), None)
            for name, due in entry.waits:
                self.waits[entry.run_id, name] = due
            self.asked = [request for request in self.asked if request.id != entry.request]

    def _there(self, entry: Entry) -> bool:
        return entry.first != len(self.lines.get(entry.run_id, [])) + 1 or (entry.command is not None and entry.command[0] in self.inbox)

    async def inherit(self, epoch: int) -> int | None:
        owners = {row["owner"] for row in self.runs.values()} - {None, epoch}
        return next(iter(owners), None)

    async def leftovers(self, _dead: int) -> list[Any]:
        return []

    async def busy(self, dead: int) -> list[str]:
        planned = {run_id for run_id, component in self.waits if component != RUN_LIMIT}
        return [run_id for run_id, row in self.runs.items() if row["owner"] == dead and run_id not in planned]

    async def adopt(self, dead: int, epoch: int, run_ids: Sequence[str]) -> list[str]:
        moved = [run_id for run_id in run_ids if self.runs[run_id]["owner"] == dead]
        for run_id in moved:
            self.runs[run_id]["owner"] = epoch
        return moved

    async def settle(self, dead: int, epoch: int) -> None:
        for row in self.runs.values():
            if row["owner"] == dead:
                row["owner"] = epoch

    async def waiting(self, epoch: int, after: str, most: int) -> list[str]:
        planned = {run_id for run_id, _ in self.waits}
        return sorted(run_id for run_id in planned if self.runs[run_id]["owner"] == epoch and run_id > after)[:most]

    async def load(self, run_ids: Sequence[str]) -> list[Stored]:
        rows = [(run_id, self.runs[run_id]) for run_id in run_ids]
        return [Stored(run_id, row["workflow_id"], row["version"], row["status"], list(self.lines[run_id])) for run_id, row in rows]

    async def claim(self, epoch: int, run_id: str) -> bool:
        row = self.runs[run_id]
        row["owner"] = row["owner"] or epoch
        return bool(row["owner"] == epoch)

    async def news(self, _epoch: int, within: float) -> tuple[float | None, bool]:
        left = min(((due - self.now).total_seconds() for due in self.waits.values()), default=None)
        return (left if left is not None and left <= within else None), bool(self.asked)

    async def due(self, epoch: int, most: int) -> list[tuple[str, str]]:
        return [place for place, due in self.waits.items() if due <= self.now and self.runs[place[0]]["owner"] == epoch][:most]

    async def forget(self, run_id: str, component: str) -> None:
        self.waits.pop((run_id, component), None)

    async def requests(self, _epoch: int, _most: int) -> list[Request]:
        return list(self.asked)

    async def seen(self, _consumer: str, event_ids: Sequence[str], run_ids: Sequence[str]) -> tuple[set[str], set[str]]:
        return set(event_ids) & self.inbox, await self.existing(run_ids)

    async def existing(self, run_ids: Sequence[str]) -> set[str]:
        return set(run_ids) & set(self.runs)


class Quiet:
    published = 0

    def begin(self) -> None: ...

    def offer(self, _batch: int, _entries: Sequence[Entry]) -> None: ...

    async def republish(self, _leftovers: Any) -> None: ...


class Acting:
    """A kind whose components do what the test has put before them; otherwise they succeed at once."""

    kind = "acting"

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.made: list[Work] = []

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        return {"endpoint": endpoint.name}

    async def act(self, work: Work) -> Outcome:
        self.made.append(work)
        answers = self.answers.get(work.name)
        answer = answers.pop(0) if answers else {}
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = answers.pop(0) if answers else {}
        if isinstance(answer, Exception):
            raise answer
        return Outcome(answer)


class Registry:
    def __init__(self) -> None:
        self.versions: dict[int, Published] = {}
        self.gate: asyncio.Event | None = None  # what looks a version up waits for it

    async def workflow(self, name: str, version: int | None) -> Published | None:
        found = self.versions.get(version or max(self.versions, default=0))
        return found if found is not None and found.definition.workflow == name else None

    async def version(self, _workflow_id: str, version: int) -> Published | None:
        if self.gate is not None:
            await self.gate.wait()
        return self.versions.get(version)


class Desk:
    def __init__(self) -> None:
        self.refusals: list[Refusal] = []

    async def refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)


class Stage:
    """One executor after the other over the same tables."""

    def __init__(self) -> None:
        self.journal, self.registry, self.acting, self.desk = MemoryJournal(), Registry(), Acting(), Desk()
        self.numbers = iter(range(1, 10_000))
        # Nothing has limits unless a test says so, and neither gates nor turns are ever asked.
        self.gates = self.turns = None
        self.most_active = 1000

    async def live(self, *, looks_through: bool = True) -> None:
        """Begin a life; whatever the one before had in memory is gone. It may not have looked through what it inherited yet."""
        if self.journal.epoch:
            self.engine.abandon()
            await self.writer.stop()
        self.plans = Plans(self.registry, {"acting": self.acting})  # type: ignore[arg-type, dict-item]
        self.writer = JournalWriter(self.journal, Quiet(), lease=6, lost=lambda _: None)  # type: ignore[arg-type]
        attempts = Attempts(self.plans, None)  # type: ignore[arg-type]
        self.admission = admission = Admission(self.plans, self.gates, epoch=lambda: 1)  # type: ignore[arg-type]
        self.engine = Engine(attempts, admission, self.writer, host="h", clock=lambda: self.journal.now, lane=lambda _: 0)
        self.queue = RunQueue(self.engine, self.turns, self.journal, self.plans, epoch=lambda: 1, most_active=self.most_active)  # type: ignore[arg-type]
        self.requests = Requests(self.engine, admission, self.queue, self.journal, self.plans)  # type: ignore[arg-type]
        more: Any = {"journal": self.journal, "outcomes": Quiet(), "requests": self.requests, "clock": _Set(), "instance": "0", "host": "h"}
        self.life = Life(self.engine, self.writer, **more, lease=6, look=0.25)
        await self.life._join()
        inheritance = self.life._inheritance
        await inheritance.take_over()
        if looks_through and inheritance.unread.is_set():
            await inheritance.look_through()

    def publish(self, version: int = 1, edges: Sequence[tuple[str, str]] = (), retired: bool = False, **more: Any) -> None:
        names = more.pop("components")
        components = tuple(Component(**({"name": name, "kind": "acting"} | given)) for name, given in names.items())
        joined = tuple(Connection(source=a, target=b, kind="processing") for a, b in edges)
        definition = WorkflowDefinition(workflow="orders", components=components, connections=joined, **more)
        self.registry.versions[version] = Published("w1", version, definition, retired)

    async def start(self, size: int = 10, **more: Any) -> str:
        """Start a run as a command from Kafka does; return its id."""
        command = StartRun(**({"workflow": "orders", "run_id": f"run-{next(self.numbers)}", "requested_by": "ada"} | more))
        assert command.run_id is not None
        await self.commands().handle([Asked(command, f"event-{command.run_id}", "t:0:1", external=False, traceparent=None, size=size)])
        await self.engine.settled()
        return command.run_id

    def commands(self) -> Commands:
        async def caught_up() -> None: ...

        return Commands(
            self.engine,
            self.journal,
            self.plans,
            self.desk,
            self.queue,
            consumer="c",
            caught_up=caught_up,
            nudge=lambda: None,  # type: ignore[arg-type]
            events=_NonePaused(),
        )

    async def obey(self, command: Any) -> dict[str, Any]:
        """Obey a command to a run; return the first event that it led to."""
        before = len(self.journal.lines[command.run_id])
        self.journal.asked.append(Request(next(self.numbers), command.run_id, external=False, body=command.model_dump_json()))
        await self.life._act()
        await self.engine.settled()
        assert not self.journal.asked
        return self.events(command.run_id)[before]

    def events(self, run_id: str) -> list[dict[str, Any]]:
        return [decode(line) for line in self.journal.lines.get(run_id, [])]

    def last(self, run_id: str, kind: str, component: str | None = None) -> dict[str, Any]:
        return [e for e in self.events(run_id) if e["event"] == kind and component in {None, e.get("component")}][-1]

    async def until(self, run_id: str, kind: str, component: str | None = None, times: int = 1) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [e for e in self.events(run_id) if e["event"] == kind and component in {None, e.get("component")}]

        await eventually(lambda: len(found()) >= times, within=20, every=0.01, about=f"{kind} of {component}: {self.events(run_id)}")
        return found()[times - 1]

    async def later(self, seconds: float) -> None:
        self.journal.now += timedelta(seconds=seconds)
        await self.life._act()
        await self.engine.settled()


class _NonePaused:
    async def paused(self, _workflow_id: str) -> bool:
        return False


class _Set:
    def set(self, _now: datetime) -> None: ...


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.live()
    yield stage
    stage.engine.abandon()
    await stage.writer.stop()
