"""Commands: starts go straight to the engine, everything else waits in a row for the run's owner.

Whatever a command leads to stands in one transaction with its inbox row: for a start the group commit, for the rest one of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from executor.application.asked import Asked, run_ids_of, trace_of
from executor.application.engine import Engine
from executor.application.entries import Journal
from executor.application.finding import Finding, Found
from executor.application.inputs import obstacle_to
from executor.application.registries import Plan, Plans
from executor.application.run_queue import RunQueue
from executor.domain.graph import GraphRefused
from executor.domain.run import Refused
from shared.contracts.runs import MOST_COMMAND_BYTES, QueuedFor, StartRun

__all__ = ["Asked", "Commands", "Desk", "EventGate", "Refusal", "run_ids_of", "trace_of"]

_HANDFUL = 16
"""Commands of a batch that are not looked up before they are begun."""


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
        self._finding = Finding(plans, caught_up)
        self._desk = desk
        self._queue = queue
        self._consumer = consumer
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
                await self._engine.standing()
                last = None
            for asked in others:
                await self._other(asked)
            self._nudge()
        return None if last is None else self._engine.settled()

    async def _fresh(self, batch: Sequence[Asked]) -> tuple[list[Asked], set[str]]:
        """Return what was not handled before, and which of the runs that it wants to start exist."""
        if await self._speak_for_themselves(batch):
            return list(batch), set()
        named = [run_id for asked in batch if isinstance(asked.command, StartRun) and _names(asked) for run_id in run_ids_of(asked)]
        if any(asked.given_id and asked.given_id in self._engine.active for asked in batch):
            # Once that run stands, the inbox says whether it is this event's own, coming again, or another's.
            await self._engine.standing()
        known, there = await self._journal.seen(self._consumer, [asked.event_id for asked in batch], named)
        fresh: list[Asked] = []
        for asked in batch:
            if asked.event_id not in known:
                known.add(asked.event_id)
                fresh.append(asked)
        return fresh, there

    async def _speak_for_themselves(self, batch: Sequence[Asked]) -> bool:
        """Whether the journal may be left to say that it has a run or a command already, without a look before.

        It says so by refusing a commit, which is parted until what it has is alone: so only for a handful, and only for plain starts
        of our own services, which change nothing but the journal.
        """
        if len(batch) > _HANDFUL:
            return False
        runs: set[str] = set()
        for asked in batch:
            command = asked.command
            if not isinstance(command, StartRun) or asked.external or not command.run_id:
                return False
            runs.add(command.run_id)
            try:
                plan = await self._plans.named(command.workflow, None if command.version == "latest" else command.version)
            except GraphRefused:
                return False
            if plan is None or self._may_not(plan, asked) or await self._queue.may_hold(plan):
                return False
        return len(batch) == len(runs) == len({asked.event_id for asked in batch})

    async def _starts(self, starts: Sequence[Asked], there: set[str]) -> str | None:
        plans = await self._finding.workflows(starts)
        named = self._named(starts, there)
        waits = await self._queue.place(self._new(named, there, plans))
        begun: str | None = None
        for asked, run_id in named:
            command = asked.command
            assert isinstance(command, StartRun)  # noqa: S101 - they were picked so
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
            if await self._begun(plan, asked, run_id, waits):
                begun = run_id
        return begun

    async def _begun(self, plan: Plan, asked: Asked, run_id: str, waits: Mapping[str, QueuedFor | None]) -> bool:
        """Begin a run. One that can't begin is refused, and gives back the turn that it was given."""
        command = asked.command
        assert isinstance(command, StartRun)  # noqa: S101 - they were picked so
        paused = asked.external and await self._events.paused(plan.published.workflow_id)
        try:
            if paused:
                way = "Go on with it on the workflow's page, or start the run there."
                raise Refused(f"The event trigger of “{command.workflow}” is paused. {way}")  # noqa: TRY301 - refused as by the rules
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
        except Exception as error:
            if run_id in waits:
                await self._queue.give_back(run_id)
            if not isinstance(error, Refused):
                raise
            await self._desk.refuse(Refusal(asked, run_id, str(error), command.workflow, plan.published.workflow_id, paused=paused))
            return False
        return True

    def _named(self, starts: Sequence[Asked], there: set[str]) -> list[tuple[Asked, str]]:
        """Return the id of each start's run: the first that is free, else the last."""
        taken, named = set(there), []
        for asked in starts:
            *others, last = run_ids_of(asked)
            run_id = next((one for one in others if one not in taken and one not in self._engine.active), last)
            taken.add(run_id)
            named.append((asked, run_id))
        return named

    def _new(self, starts: Sequence[tuple[Asked, str]], there: set[str], plans: Found) -> list[tuple[Plan, str, int | None]]:
        """Return plan, run and priority of the starts that will begin a run."""
        found: dict[str, tuple[Plan, str, int | None]] = {}
        for asked, run_id in starts:
            command = asked.command
            assert isinstance(command, StartRun)  # noqa: S101 - they were picked so
            plan = plans[command.workflow, command.version]
            if not isinstance(plan, Plan) or run_id in there or run_id in self._engine.active or self._may_not(plan, asked):
                continue
            found.setdefault(run_id, (plan, run_id, command.priority))
        return list(found.values())

    def _may_not(self, plan: Plan | None, asked: Asked) -> str | None:
        command = asked.command
        assert isinstance(command, StartRun)  # noqa: S101 - they were picked so
        if plan is None:
            which = "" if command.version == "latest" else f" in version {command.version}"
            if self._finding.behind:
                return (
                    f"The workflow “{command.workflow}”{which} is not known here yet: the copy of the registry is behind. Start it again."
                )
            return f"There is no workflow “{command.workflow}”{which}. Publish it first, or correct the name."
        if plan.published.retired:
            return f"The workflow “{command.workflow}” was deleted; no new run of it starts."
        if asked.size > MOST_COMMAND_BYTES:
            return (
                f"The command has {asked.size} bytes; a start may have {MOST_COMMAND_BYTES}. Pass where large inputs are, not the inputs."
            )
        if (obstacle := obstacle_to(command.inputs)) is not None:
            return obstacle
        if asked.external and not plan.events:
            return f"“{command.workflow}” may not be started by events. Add triggers: [{{kind: event}}] to it."
        return None

    async def _other(self, asked: Asked) -> None:
        command = asked.command
        assert not isinstance(command, StartRun)  # noqa: S101 - they were picked so
        there = await self._journal.existing([command.run_id])
        if not there and command.run_id in self._engine.active:
            await self._engine.standing()  # its start came in a batch before this one, and is still being written
            there = await self._journal.existing([command.run_id])
        if there:
            await self._desk.keep(asked, command.run_id)
        else:
            reason = f"There is no run {command.run_id}. Check the id; a start that was refused has no run."
            await self._desk.refuse(Refusal(asked, command.run_id, reason))


def _names(asked: Asked) -> bool:
    """Whether a start's run may have been begun by another event: it has the id that was asked for, or that another source gave too."""
    return bool(asked.given_id or (isinstance(asked.command, StartRun) and asked.command.run_id))
