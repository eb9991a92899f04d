"""Attempts ask here before they touch an endpoint that has limits. Endpoints without limits are never asked about.

What comes and ends while a gate's transaction runs goes into its next one together, so ten thousand that wait cost little more
than ten. An attempt that waits longer than half a second says so in its run's journal, once, and again when it goes on.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from executor.application.gates import Asking, Ended, Gates, Place
from executor.application.patience import patiently
from executor.application.ports import Endpoint, Trouble
from executor.application.registries import Plan, Plans
from executor.domain.gate import Hold, Verdict, limited, sentence
from executor.domain.journal import State
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_QUIET_SECONDS = 0.5
"""How long an attempt may wait before its run says so."""

_LOOK_SECONDS = 0.05
"""Between looks for what other executors let on, while something waits."""
_GATE_SECONDS = 1.0
"""At the latest after this a gate is asked again: a limit may have been changed, or an executor be gone."""
_AGAIN_SECONDS = 15.0
"""Between looks whether an attempt that said why it waits now waits for something else."""
_TELL_SECONDS = 60.0
"""Before it says that it waits for something else now."""

Tell = Callable[[Hold, str, bool], None]
"""Told why an attempt waits: the hold, a sentence, and whether the wait is over."""


@dataclass(slots=True, eq=False)
class _Waiter:
    asking: Asking
    epoch: int
    retry: bool
    answer: "asyncio.Future[None]"
    offered: bool = False  # it may stand in the table
    sent: bool = False  # it stands there
    gone: bool = False  # it does not want to go on any more

    @property
    def place(self) -> Place:
        return (self.asking.run_id, self.asking.component)


@dataclass(slots=True, eq=False)
class _Door:
    """What this executor knows of one endpoint's gate, and what it has to tell it."""

    endpoint_id: str
    name: str
    arrived: list[_Waiter] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    hurried: list[Place] = field(default_factory=list)
    waiting: dict[Place, _Waiter] = field(default_factory=dict)
    holds: dict[bool, Hold | None] = field(default_factory=dict)
    breaker: str = "closed"
    ask_at: float = 0.0

    def wants(self, now: float) -> bool:
        return bool(self.arrived or self.ended or self.hurried) or (bool(self.waiting) and now >= self.ask_at)


class Pass:
    """Permission to use an endpoint, until ``leave``."""

    __slots__ = ("_leave",)

    def __init__(self, leave: Callable[[Verdict], None]) -> None:
        self._leave = leave

    def leave(self, verdict: Verdict) -> None:
        """Give it back, and say what the attempt showed about its endpoint."""
        self._leave(verdict)


class Admission:
    """A part: the way of this executor's attempts through the gates of their endpoints."""

    def __init__(self, plans: Plans, gates: Gates, *, epoch: Callable[[], int]) -> None:
        self._plans = plans
        self._gates = gates
        self._epoch = epoch
        self._doors: dict[str, _Door] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._looked = 0.0
        self._watchers: list[Callable[[str, str], None]] = []

    async def start(self) -> None:
        """Begin to ask."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="admission")

    async def stop(self) -> None:
        """End. What was let on and is not given back is free when this executor's epoch is over."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def held(self) -> int:
        """How many attempts wait."""
        return sum(len(door.waiting) for door in self._doors.values())

    def watch(self, watcher: Callable[[str, str], None]) -> None:
        """Have ``watcher`` told of an endpoint's breaker (closed, open, trying) whenever its gate was asked."""
        self._watchers.append(watcher)

    def free(self, plan: Plan, name: str) -> bool:
        """Whether it is known, without asking anybody, that nothing limits attempts of the component."""
        component = plan.graph.components[name]
        if component.endpoint is None:
            return True
        endpoint = self._plans.known(component.endpoint)
        return endpoint is not None and not limited(endpoint.limits)

    async def enter(self, plan: Plan, state: State, name: str, *, hurried: bool, tell: Tell) -> Pass | None:
        """Return when the attempt may touch its endpoint; None = nothing limits it. A cancelled wait leaves nothing behind."""
        component = plan.graph.components[name]
        if component.endpoint is None:
            return None
        endpoint_name = component.endpoint
        try:
            endpoint = await patiently(lambda: self._plans.endpoint(endpoint_name, component.kind))
        except Trouble:
            return None  # the attempt finds that out by itself, before it touches anything
        if not limited(endpoint.limits):
            return None
        retry = state.components[name].failures > 0 and not hurried
        asking = Asking(state.run_id, name, state.workflow_id, state.priority, retry)
        waiter = _Waiter(asking, self._epoch(), retry, asyncio.get_running_loop().create_future())
        door = self._door(endpoint)
        door.arrived.append(waiter)
        door.waiting[waiter.place] = waiter
        self._news.set()
        try:
            await self._wait(door, waiter, tell)
        except BaseException:
            self._withdraw(door, waiter)
            raise
        return Pass(lambda verdict: self._end(door, waiter, verdict))

    def hurry(self, run_id: str, name: str) -> Hold | None:
        """Let a waiting attempt pass the retry budget; return what holds it, None when it does not wait."""
        place = (run_id, name)
        for door in self._doors.values():
            waiter = door.waiting.get(place)
            if waiter is None:
                continue
            hold = door.holds.get(waiter.retry)
            if hold is not None and hold.limit == "retry_budget":
                waiter.retry = False
                waiter.asking = replace(waiter.asking, retry=False)
                door.hurried.append(place)
                self._news.set()
            return hold
        return None

    # ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _wait(self, door: _Door, waiter: _Waiter, tell: Tell) -> None:
        began = told_at = time.monotonic()
        told: Hold | None = None
        while not waiter.answer.done():
            await asyncio.wait([waiter.answer], timeout=_QUIET_SECONDS if told is None else _AGAIN_SECONDS)
            hold = door.holds.get(waiter.retry)
            if waiter.answer.done() or hold is None:
                continue
            if told is None or (hold.limit != told.limit and time.monotonic() - told_at > _TELL_SECONDS):
                tell(hold, sentence(door.name, hold), False)
                told, told_at = hold, time.monotonic()
        if told is not None:
            tell(told, f"“{door.name}” is free for it after {time.monotonic() - began:.1f} s.", True)

    def _withdraw(self, door: _Door, waiter: _Waiter) -> None:
        waiter.gone = True
        if door.waiting.get(waiter.place) is waiter:
            del door.waiting[waiter.place]
        if waiter in door.arrived:
            door.arrived.remove(waiter)
        if waiter.offered:
            self._end(door, waiter, Verdict.NOTHING)

    def _end(self, door: _Door, waiter: _Waiter, verdict: Verdict) -> None:
        door.ended.append(Ended(waiter.place, waiter.epoch, verdict))
        self._news.set()

    def _door(self, endpoint: Endpoint) -> _Door:
        door = self._doors.get(endpoint.endpoint_id)
        if door is None:
            door = self._doors[endpoint.endpoint_id] = _Door(endpoint.endpoint_id, endpoint.name)
        door.name = endpoint.name
        return door

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        while True:
            waits = any(door.waiting for door in self._doors.values())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _LOOK_SECONDS if waits else None)
            self._news.clear()
            try:
                for door in list(self._doors.values()):
                    if door.wants(time.monotonic()):
                        await self._ask(door)
                await self._look()
            except Exception as error:
                if reason := why_away(error):
                    log.warning("attempts with limits wait", reason=reason)
                else:
                    log.exception("a gate could not be asked; it is asked again")
                await asyncio.sleep(0.5)
                self._news.set()

    async def _ask(self, door: _Door) -> None:
        epoch = self._epoch()
        arrived, door.arrived = door.arrived, []
        ended, door.ended = door.ended, []
        hurried, door.hurried = door.hurried, []
        # What an earlier life began is cancelled and ends by itself.
        arrived = [waiter for waiter in arrived if not waiter.gone and waiter.epoch == epoch]
        asking = [waiter.asking for waiter in arrived]
        for waiter in arrived:
            waiter.offered = True
        try:
            look = await self._gates.turn(epoch, door.endpoint_id, arrived=asking, ended=ended, hurried=hurried)
        except BaseException:
            # Whether it stands is not known; said again it changes nothing.
            door.arrived[:0] = arrived
            door.ended[:0] = ended
            door.hurried[:0] = hurried
            raise
        for waiter in arrived:
            waiter.sent = True
        door.holds, door.breaker = look.holds, look.breaker
        for watcher in self._watchers:
            watcher(door.name, look.breaker)
        for news in look.news:
            log.warning("a breaker has changed", endpoint=door.name, breaker=news)
        self._let_on(door, look.granted)
        now = time.monotonic()
        untils = [(hold.until - look.now).total_seconds() for hold in look.holds.values() if hold is not None and hold.until is not None]
        more = door.waiting and any(look.holds[waiter.retry] is None for waiter in door.waiting.values())
        if more:
            self._news.set()
        door.ask_at = now if more else now + max(0.02, min([_GATE_SECONDS, *untils]))

    async def _look(self) -> None:
        """See what other executors have let on of ours."""
        waits = [door for door in self._doors.values() if door.waiting]
        if not waits or time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        granted = await self._gates.granted(self._epoch())
        self._looked = time.monotonic()
        for door in waits:
            self._let_on(door, granted)

    @staticmethod
    def _let_on(door: _Door, granted: set[Place]) -> None:
        for place in granted & door.waiting.keys():
            waiter = door.waiting[place]
            if waiter.sent and not waiter.answer.done():
                del door.waiting[place]
                waiter.answer.set_result(None)
