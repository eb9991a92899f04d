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
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_LOOK_SECONDS = 1.0
_FULL_SECONDS = 1.0
"""How long an executor may hold as many runs as it can before new ones become rows. Till then they wait in their topic."""
_MOST = 500


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

    def crowded(self) -> bool:
        """Whether new runs become rows: this executor has been full for a while, or others wait because it was."""
        if len(self._engine.active) <= self._most_active:
            self._full_since = None
            return self._crowd
        if self._full_since is None:
            self._full_since = time.monotonic()
        self._crowd = self._crowd or time.monotonic() - self._full_since >= _FULL_SECONDS
        return self._crowd

    async def place(self, starts: Sequence[tuple[Plan, str, int | None]]) -> dict[str, bool]:
        """Return, for those of these new runs (plan, id, priority) that something limits, whether they have to wait."""
        if self.crowded():
            self._backlog = True
            return {run_id: True for _, run_id, _ in starts}
        wanted = [
            Wanted(run_id, plan.published.workflow_id, plan.graph.definition.priority if priority is None else priority)
            for plan, run_id, priority in starts
            if await self._limited(plan)
        ]
        if not wanted:
            return {}
        granted = await self._turns.reserve(self._epoch(), wanted)
        return {want.run_id: want.run_id not in granted for want in wanted}

    async def give_back(self, run_id: str) -> None:
        """Take back the turn of a new run that was refused."""
        await self._turns.give_back(self._epoch(), run_id)
        self._news.set()

    async def again(self, active: Active) -> bool:
        """Return whether a run that is to begin again has to wait."""
        active.limited = True
        state = active.run.state
        if not state.finished or active.run.compensating or not await self._limited(active.plan):
            return False
        wanted = Wanted(state.run_id, state.workflow_id, state.priority)
        return state.run_id not in await self._turns.reserve(self._epoch(), [wanted])

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

    async def _look(self) -> None:
        self._backlog = await self._turns.waiting()
        room = self._most_active - len(self._engine.active)
        if not self._backlog:
            self._crowd = self._crowd and room <= 0
            return
        if room <= 0:
            return
        ours = await self._turns.release(self._epoch(), min(room, _MOST), lambda lanes, rooms, most: choose(self._fair, lanes, rooms, most))
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
