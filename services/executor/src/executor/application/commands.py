"""Commands: starts go straight to the engine, everything else waits in a row for the run's owner.

Whatever a command leads to stands in one transaction with its inbox row: for a start the group commit, for the rest one of its own.
"""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from executor.application.engine import Engine, span_id
from executor.application.entries import Journal
from executor.application.registries import Plan, Plans
from executor.application.run_queue import RunQueue
from executor.domain.graph import GraphRefused
from executor.domain.run import Refused, Trace
from shared.contracts.runs import MOST_COMMAND_BYTES, CancelRun, PauseRun, ResumeRun, RetryNow, RetryRun, StartRun
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_PATIENCE_SECONDS = 2.0
"""How long a start waits for a workflow that may have been sent after it."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

Version = tuple[str, int | Literal["latest"]]
Found = dict[Version, "Plan | GraphRefused | None"]
"""What the workflows of a batch are, by name and version as asked: a plan, why there can be none, or not known here."""

Command = StartRun | CancelRun | PauseRun | ResumeRun | RetryRun | RetryNow


@dataclass(slots=True)
class Asked:
    """A command as it came."""

    command: Command
    event_id: str
    position: str
    external: bool
    traceparent: str | None
    size: int = 0  # of the message, in bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command cannot be obeyed."""

    asked: Asked
    run_id: str
    reason: str
    workflow: str = ""
    workflow_id: str = "unknown"
    paused: bool = False  # the event trigger is paused


class Desk(Protocol):
    """Writes what commands lead to that is no start."""

    async def refuse(self, refusal: Refusal) -> None:
        """Enter the command in the inbox and publish the refusal, in one transaction."""

    async def keep(self, asked: Asked, run_id: str) -> None:
        """Enter the command in the inbox and keep it for the run's owner, in one transaction."""

    async def enter(self, asked: Asked) -> None:
        """Enter a command in the inbox that changes nothing."""


class EventGate(Protocol):
    """Which workflows' event triggers are paused."""

    async def paused(self, workflow_id: str) -> bool: ...


class Commands:
    """Takes batches of commands in."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        plans: Plans,
        desk: Desk,
        queue: RunQueue,
        *,
        consumer: str,
        caught_up: Callable[[], Awaitable[None]],
        nudge: Callable[[], None],
        events: "EventGate",
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._plans = plans
        self._desk = desk
        self._queue = queue
        self._consumer = consumer
        self._caught_up = caught_up
        self._nudge = nudge
        self._events = events

    async def handle(self, batch: Sequence[Asked]) -> "asyncio.Future[None] | None":
        """Take commands in, in order. What the answer resolves, all effects are durable; None = they are already."""
        fresh, there = await self._fresh(batch)
        starts = [asked for asked in fresh if isinstance(asked.command, StartRun)]
        last: str | None = None
        if starts:
            last = await self._starts(starts, there)
        others = [asked for asked in fresh if not isinstance(asked.command, StartRun)]
        if others:
            if last is not None:
                await self._engine.settled()
                last = None
            for asked in others:
                await self._other(asked)
            self._nudge()
        return None if last is None else self._engine.settled()

    async def _fresh(self, batch: Sequence[Asked]) -> tuple[list[Asked], set[str]]:
        """Return what was not handled before, and which of the runs that it wants to start exist."""
        named = [asked.command.run_id for asked in batch if isinstance(asked.command, StartRun) and asked.command.run_id]
        known, there = await self._journal.seen(self._consumer, [asked.event_id for asked in batch], named)
        fresh: list[Asked] = []
        for asked in batch:
            if asked.event_id not in known:
                known.add(asked.event_id)
                fresh.append(asked)
        return fresh, there

    async def _starts(self, starts: Sequence[Asked], there: set[str]) -> str | None:
        plans = await self._wait_for_workflows(starts)
        waits = await self._queue.place(self._new(starts, there, plans))
        begun: str | None = None
        for asked in starts:
            command = asked.command
            assert isinstance(command, StartRun)  # noqa: S101 - they were picked so
            run_id = run_id_of(command, asked.event_id)
            if run_id in self._engine.active:
                # It may not stand yet: an inbox row of its own would make the journal refuse the run that is on its way.
                begun = run_id
                continue
            if run_id in there:
                await self._desk.enter(asked)
                continue
            there.add(run_id)
            plan = plans[command.workflow, command.version]
            if isinstance(plan, GraphRefused):
                await self._desk.refuse(Refusal(asked, run_id, str(plan), command.workflow))
                continue
            reason = self._may_not(plan, asked)
            if reason is not None or plan is None:
                workflow_id = "unknown" if plan is None else plan.published.workflow_id
                await self._desk.refuse(Refusal(asked, run_id, reason or "", command.workflow, workflow_id))
                continue
            if asked.external and await self._events.paused(plan.published.workflow_id):
                if run_id in waits:
                    await self._queue.give_back(run_id)
                reason = (
                    f"The event trigger of “{command.workflow}” is paused. Go on with it on the workflow's page, or start the run there."
                )
                await self._desk.refuse(Refusal(asked, run_id, reason, command.workflow, plan.published.workflow_id, paused=True))
                continue
            try:
                self._engine.start(
                    plan,
                    run_id,
                    inputs=command.inputs,
                    requested_by=command.requested_by,
                    trigger="event" if asked.external else command.trigger or "api",
                    trace=trace_of(asked.traceparent),
                    command=(asked.event_id, asked.position),
                    priority=command.priority,
                    queued=waits.get(run_id),
                    limited=run_id in waits,
                )
            except Refused as refused:
                if run_id in waits:
                    await self._queue.give_back(run_id)
                await self._desk.refuse(Refusal(asked, run_id, str(refused), command.workflow, plan.published.workflow_id))
                continue
            begun = run_id
        return begun

    def _new(self, starts: Sequence[Asked], there: set[str], plans: Found) -> list[tuple[Plan, str, int | None]]:
        """Return plan, run and priority of the starts that will begin a run."""
        found: dict[str, tuple[Plan, str, int | None]] = {}
        for asked in starts:
            command = asked.command
            assert isinstance(command, StartRun)  # noqa: S101 - they were picked so
            run_id = run_id_of(command, asked.event_id)
            plan = plans[command.workflow, command.version]
            if not isinstance(plan, Plan) or run_id in there or run_id in self._engine.active or self._may_not(plan, asked):
                continue
            found.setdefault(run_id, (plan, run_id, command.priority))
        return list(found.values())

    async def _wait_for_workflows(self, starts: Sequence[Asked]) -> Found:
        """Return what the batch's workflows are; those that are not here get the time to come: their topic may be behind the commands'."""
        wanted = {(asked.command.workflow, asked.command.version) for asked in starts if isinstance(asked.command, StartRun)}
        until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        found = await self._looked_up(wanted)
        if None not in found.values():
            return found
        await self._caught_up()
        found = await self._looked_up(wanted)
        while None in found.values() and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.1)
            found = await self._looked_up(wanted)
        return found

    async def _looked_up(self, wanted: set[Version]) -> Found:
        found: Found = {}
        for name, version in wanted:
            try:
                found[name, version] = await self._plans.named(name, None if version == "latest" else int(version))
            except GraphRefused as error:
                found[name, version] = error
        return found

    @staticmethod
    def _may_not(plan: Plan | None, asked: Asked) -> str | None:
        command = asked.command
        assert isinstance(command, StartRun)  # noqa: S101 - they were picked so
        if plan is None:
            which = "" if command.version == "latest" else f" in version {command.version}"
            return f"There is no workflow “{command.workflow}”{which}. Publish it first, or correct the name."
        if plan.published.retired:
            return f"The workflow “{command.workflow}” was deleted; no new run of it starts."
        if asked.size > MOST_COMMAND_BYTES:
            return (
                f"The command has {asked.size} bytes; a start may have {MOST_COMMAND_BYTES}. Pass where large inputs are, not the inputs."
            )
        if asked.external and not plan.events:
            return f"“{command.workflow}” may not be started by events. Add triggers: [{{kind: event}}] to it."
        return None

    async def _other(self, asked: Asked) -> None:
        command = asked.command
        assert not isinstance(command, StartRun)  # noqa: S101 - they were picked so
        there = await self._journal.existing([command.run_id])
        if not there and command.run_id in self._engine.active:
            await self._engine.settled()  # its start came in a batch before this one, and is still being written
            there = await self._journal.existing([command.run_id])
        if there:
            await self._desk.keep(asked, command.run_id)
        else:
            reason = f"There is no run {command.run_id}. Check the id; a start that was refused has no run."
            await self._desk.refuse(Refusal(asked, command.run_id, reason))


def run_id_of(command: StartRun, event_id: str) -> str:
    """Return the run's id: as asked, else the event's; an event id that is no id makes one, the same at each delivery."""
    if command.run_id:
        return command.run_id
    return event_id if _ID.fullmatch(event_id) else uuid.uuid5(uuid.NAMESPACE_URL, event_id).hex


def trace_of(traceparent: str | None) -> Trace:
    """Return the trace that a run belongs to: that of its command, or a new one."""
    if not traceparent:
        return Trace(span_id() + span_id(), span_id())
    parts = traceparent.split("-")
    if len(parts) >= 4 and len(parts[1]) == 32 and len(parts[2]) == 16 and _hex(parts[1]) and _hex(parts[2]):
        return Trace(parts[1], span_id(), parts[2])
    return Trace(span_id() + span_id(), span_id())


def _hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text) and set(text) != {"0"}
