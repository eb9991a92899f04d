"""Runs that wait for their turn: their workflow has as many runs as it may have, or this executor as many as it can hold.

They are rows and cost no memory. Whichever executor has room lets the next ones on, fairly between workflows (``domain/turns.py``).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from executor.application.apart import Apart
from executor.application.engine import Active, Engine
from executor.application.entries import Journal
from executor.application.ports import StaleEpoch
from executor.application.registries import Plan, Plans
from executor.domain.events import Event
from executor.domain.graph import GraphRefused
from executor.domain.turns import Lane, Turns, choose
from shared.contracts.runs import QueuedFor
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_LOOK_SECONDS = 1.0
_FULL_SECONDS = 1.0
"""How long an executor may hold as many runs as it can before new ones become rows. Till then they wait in their topic."""
_MOST = 500
_HELD_SHARE = 4
"""When a workflow has this part of the room waiting at gates, its further runs are rows."""
_AND_HELD = 4
"""So many times the room may be in memory with those that wait at gates: each of them costs some 10 KB."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that wants to begin, or to begin again."""

    run_id: str
    workflow_id: str
    priority: int


Choose = Callable[[Sequence[Lane], dict[str, int | None], int], list[str]]


class RunTurns(Protocol):
    """The table of turns."""

    async def waiting(self) -> bool:
        """Return whether any run waits: one cheap look."""

    async def reserve(self, epoch: int, wanted: Sequence[Wanted]) -> set[str]:
        """Give turns to as many of these runs as their workflows have room for; return which. Raises StaleEpoch."""

    async def give_back(self, epoch: int, run_id: str) -> None:
        """Drop the turn that was reserved for a run that does not begin."""

    async def release(self, epoch: int, most: int, choose: Choose) -> list[str]:
        """Give turns to runs that wait; return those that this epoch has to let go on. Raises StaleEpoch."""


class RunQueue:
    """A part: says which runs have to wait, and lets them go on."""

    def __init__(
        self, engine: Engine, turns: RunTurns, journal: Journal, plans: Plans, *, epoch: Callable[[], int], most_active: int
    ) -> None:
        self._engine = engine
        self._turns = turns
        self._journal = journal
        self._plans = plans
        self._epoch = epoch
        self._most_active = most_active
        self._fair = Turns()
        self._apart = Apart()
        self._news = asyncio.Event()
        self._full_since: float | None = None
        self._backlog = False
        self._crowd = False  # runs wait because of this executor's room, not only because of their workflows'
        self._task: asyncio.Task[None] | None = None
        engine.watch(self._written, "run.started", "run.finished", "run.reopened")

    async def start(self) -> None:
        """Begin to look."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="queue of runs")

    async def drain(self) -> None:
        """Let nothing more go on."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        await self.drain()

    # ── who has to wait ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def room(self) -> int:
        """How many more runs may be in memory; less than nothing = there are too many.

        A run that only waits at an endpoint's gate takes no room, or one endpoint that is down would hold up every workflow.
        """
        inside = len(self._engine.active)
        return min(self._most_active - inside + len(self._engine.held), _AND_HELD * self._most_active - inside)

    def _stuck(self, workflow_id: str) -> bool:
        """Whether so many runs of a workflow wait at gates that its further runs are rows: they would only wait there too."""
        return self._engine.held.of[workflow_id] >= max(1, self._most_active // _HELD_SHARE)

    def crowded(self) -> bool:
        """Whether new runs become rows: this executor has been full for a while, or others wait because it was."""
        if self.room >= 0:
            self._full_since = None
            return self._crowd
        if self._full_since is None:
            self._full_since = time.monotonic()
        self._crowd = self._crowd or time.monotonic() - self._full_since >= _FULL_SECONDS
        return self._crowd

    async def may_hold(self, plan: Plan) -> bool:
        """Whether new runs of a workflow may have to wait: then they are ``placed`` first."""
        return self.crowded() or self._stuck(plan.published.workflow_id) or await self._limited(plan)

    async def place(self, starts: Sequence[tuple[Plan, str, int | None]]) -> dict[str, QueuedFor | None]:
        """Return, for those of these new runs (plan, id, priority) that something limits, what they have to wait for, if for anything."""
        if self.crowded():
            self._backlog = True
            return {run_id: "executor" for _, run_id, _ in starts}
        waits: dict[str, QueuedFor | None] = {run_id: "endpoint" for plan, run_id, _ in starts if self._stuck(plan.published.workflow_id)}
        self._backlog = self._backlog or bool(waits)
        limited: dict[tuple[str, int], bool] = {}
        for plan, _, _ in starts:
            if _version(plan) not in limited:
                limited[_version(plan)] = await self._limited(plan)
        wanted = [
            Wanted(run_id, plan.published.workflow_id, plan.graph.definition.priority if priority is None else priority)
            for plan, run_id, priority in starts
            if limited[_version(plan)] and run_id not in waits
        ]
        granted = await self._turns.reserve(self._epoch(), wanted) if wanted else set()
        return waits | {want.run_id: None if want.run_id in granted else "workflow" for want in wanted}

    async def give_back(self, run_id: str) -> None:
        """Take back the turn of a new run that was refused."""
        await self._turns.give_back(self._epoch(), run_id)
        self._news.set()

    async def again(self, active: Active) -> QueuedFor | None:
        """Return what a run that is to begin again has to wait for; None = for nothing, or it is queued already."""
        active.limited = True
        state = active.run.state
        if not state.finished or active.run.compensating or not await self._limited(active.plan):
            return None
        wanted = Wanted(state.run_id, state.workflow_id, state.priority)
        return None if state.run_id in await self._turns.reserve(self._epoch(), [wanted]) else "workflow"

    async def _limited(self, plan: Plan) -> bool:
        """Whether the newest version of a workflow limits its runs."""
        newest: Plan | None = None
        with contextlib.suppress(GraphRefused):
            newest = await self._plans.named(plan.graph.definition.workflow, None)
        return (newest or plan).graph.definition.concurrency is not None

    # ── who goes on ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _written(self, active: Active, event: Event) -> None:
        if (event["event"] == "run.finished" and (active.limited or self._backlog)) or event.get("queued"):
            self._news.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except StaleEpoch:
                await asyncio.sleep(_LOOK_SECONDS)  # a new life begins, or this one ends
            except Exception as error:
                if reason := why_away(error):
                    log.warning("queued runs wait", reason=reason)
                else:
                    log.exception("queued runs could not be let on; it is tried again")
                await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _LOOK_SECONDS)
            self._news.clear()

    def _choose(self, lanes: Sequence[Lane], rooms: dict[str, int | None], most: int) -> list[str]:
        stuck: dict[str, int | None] = {lane.workflow_id: 0 for lane in lanes if self._stuck(lane.workflow_id)}
        return choose(self._fair, lanes, rooms | stuck, most)

    async def _look(self) -> None:
        self._backlog = await self._turns.waiting()
        room = self.room
        if not self._backlog:
            self._crowd = self._crowd and room <= 0
            return
        if room <= 0:
            return
        ours = await self._turns.release(self._epoch(), min(room, _MOST), self._choose)
        if len(ours) < min(room, _MOST):
            self._crowd = False  # what still waits, waits for its workflow
        ours = [run_id for run_id in ours if run_id not in self._engine.active]
        for stored in await self._journal.load(ours) if ours else ():
            plan: Plan | None = None
            with contextlib.suppress(GraphRefused):
                plan = await self._plans.of(stored.workflow_id, stored.version)
            if plan is None:
                log.error("a queued run's workflow version can't be used here", run=stored.run_id, workflow=stored.workflow_id)
                continue
            with self._apart.one(stored.run_id, "a queued run can't go on"):
                self._engine.release(self._engine.take(plan, stored))
        if ours:
            await self._engine.standing()


def _version(plan: Plan) -> tuple[str, int]:
    return plan.published.workflow_id, plan.published.version
