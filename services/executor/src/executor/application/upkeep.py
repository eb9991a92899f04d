"""What an executor does besides its runs: it holds its lease, has the dead inherited, and looks what is due.

All times are the database's. Losing the lease costs only time: every write is fenced, so an executor that was away for too
long changes nothing, drops what it had and begins a new life under a new epoch.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from executor.application.apart import Apart, for_all
from executor.application.engine import Active, Engine
from executor.application.entries import RUN_LIMIT, Journal, Outcomes, Request
from executor.application.inheriting import Inheritance
from executor.application.ports import StaleEpoch
from executor.application.regularly import regularly
from executor.application.requests import Requests
from executor.application.writer import JournalWriter
from executor.domain.events import Event
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger
from shared.runtime.parts import NotReady

log = get_logger(__name__)

_CHUNK = 500
_REQUESTS = 100
_SHORTEST_LOOK = 0.02
"""Seconds."""
_STEP = 0.001
"""Seconds between two readings of the clock."""


class DatabaseClock:
    """The database's time, carried on by the machine's steady clock between two looks.

    It goes forward in steps of a millisecond: what is decided in a burst shares one reading, and the text that is made of it.
    """

    def __init__(self) -> None:
        self.set(datetime.now(UTC))

    def set(self, now: datetime) -> None:
        self._at = self._now = now
        self._steady = self._read = time.monotonic()

    def __call__(self) -> datetime:
        steady = time.monotonic()
        if steady - self._read >= _STEP:
            self._read = steady
            self._now = self._at + timedelta(seconds=steady - self._steady)
        return self._now


class Life:
    """A part: the executor's lease and everything that is done regularly."""

    def __init__(
        self,
        engine: Engine,
        writer: JournalWriter,
        *,
        journal: Journal,
        outcomes: Outcomes,
        requests: Requests,
        clock: DatabaseClock,
        instance: str,
        host: str,
        lease: float,
        look: float,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._journal = journal
        self._outcomes = outcomes
        self._requests = requests
        self._clock = clock
        self._instance = instance
        self._host = host
        self._lease = lease
        self._look = look
        self._inheritance = Inheritance(engine, journal, outcomes, requests, epoch=lambda: self.epoch)
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._rejoining: asyncio.Task[None] | None = None
        self._apart = Apart()
        self._given_up: set[int] = set()
        """Requests that can be neither obeyed nor refused, until the next life."""
        self.epoch = 0

    async def start(self) -> None:
        """Begin a life under a new epoch; raises Away while the database is."""
        await self._join()
        self._tasks = [
            asyncio.create_task(regularly(self._lease / 3, self._living(self._renew)), name="lease"),
            asyncio.create_task(regularly(1.0, self._living(self._inheritance.take_over)), name="take-over"),
            asyncio.create_task(regularly(0.1, self._living(self._inheritance.look_through)), name="inherited runs that wait"),
            asyncio.create_task(regularly(self._look, self._living(self._act), self._news), name="planned attempts and requests"),
        ]

    async def drain(self) -> None:
        """Finish or hand back what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._engine.hand_back(3.0)
        await self._writer.stop()

    async def stop(self) -> None:
        """End this life, so that another executor takes over at once."""
        if self._tasks:
            await self.drain()
        try:
            await self._journal.retire(self.epoch)
        except Exception as error:
            if why_away(error) is None:
                raise

    async def check(self) -> None:
        """Readiness: we own an epoch, and the journal can be written."""
        if not self.epoch or self._rejoining is not None:
            raise NotReady("this executor has no epoch yet")
        if self._writer.waiting:
            raise NotReady(self._writer.waiting)

    def nudge(self) -> None:
        """Look for requests at once."""
        self._news.set()

    def lost(self, reason: str) -> None:
        """Another executor has ended this life: drop everything and begin a new one."""
        log.warning("the lease is lost; a new life begins", epoch=self.epoch, reason=reason)
        self._engine.abandon()
        if self._rejoining is None:
            self._rejoining = asyncio.create_task(self._rejoin())

    async def _rejoin(self) -> None:
        while True:
            try:
                await self._writer.stop()
                await self._join()
            except Exception as error:
                if why_away(error) is None:
                    log.exception("a new life could not begin")
                await asyncio.sleep(1)
            else:
                self._rejoining = None
                return

    async def _join(self) -> None:
        self.epoch, now = await self._journal.join(self._instance, self._host, self._lease)
        self._clock.set(now)
        # What was begun while there was no epoch never stood; its commands are read again.
        self._engine.abandon()
        self._apart.broken.clear()
        self._given_up.clear()
        self._outcomes.begin()
        self._writer.start(self.epoch)
        log.info("executor lives", epoch=self.epoch, instance=self._instance)

    def _living(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Return ``work`` that rests between two lives, and begins a new one when it finds that ours has ended."""

        async def step() -> None:
            epoch = self.epoch
            try:
                if self._rejoining is None:
                    await work()
            except StaleEpoch as error:
                if self.epoch == epoch:  # else the next one has begun already
                    self.lost(str(error))

        return step

    async def _renew(self) -> None:
        self._clock.set(await self._journal.renew(self.epoch, self._outcomes.published, self._lease))

    def planned(self, _active: Active, event: Event) -> None:
        """Look again when an attempt that was just planned is due, if that is before the next look. For `Engine.watch`."""
        if "next_attempt_at" in event:
            self._look_in((datetime.fromisoformat(event["next_attempt_at"]) - self._clock()).total_seconds())

    def _look_in(self, seconds: float) -> None:
        if seconds >= self._look:
            return
        loop = asyncio.get_running_loop()
        # Attempts that are due one after the other are taken together: a look costs more than a few milliseconds are worth.
        at = loop.time() + max(seconds, _SHORTEST_LOOK)
        if self._alarm is not None and self._alarm.when() > loop.time():
            if self._alarm.when() <= at:
                return
            self._alarm.cancel()
        self._alarm = loop.call_at(at, self._news.set)

    async def _act(self) -> None:
        due_in, asked = await self._journal.news(self.epoch, self._look)
        if due_in is not None and due_in <= 0:
            await self._due()
            due_in, _ = await self._journal.news(self.epoch, self._look)
        if due_in is not None and (due_in > 0 or not self._apart.broken):
            self._look_in(due_in)
        if asked:
            await self._asked()

    async def _due(self) -> None:
        while due := await self._journal.due(self.epoch, _CHUNK + len(self._apart.broken)):
            await self._read_back([run_id for run_id, _ in due if run_id not in self._engine.active])
            woken = 0
            for run_id, name in due:
                active = self._engine.active.get(run_id)
                if active is None:
                    continue
                with self._apart.one(run_id, "what is due in a run can't be done"):
                    await self._wake(active, name)
                    woken += 1
            await self._expire_all(due)
            await self._engine.standing()
            if not woken:
                # Their workflow's versions are not here yet; the next look asks again.
                return

    async def _wake(self, active: Active, name: str) -> None:
        """Do what is due; the end of a run's own time is seen to afterwards, for all at once."""
        state = active.run.state
        part = state.components.get(name)
        if name == RUN_LIMIT and active.run.expires:
            return
        if part is not None and part.status == "retrying" and state.may_start:
            self._engine.wake(active, name)
        else:
            await self._journal.forget(state.run_id, name)
            self._engine.write(active, [])

    async def _expire_all(self, due: Sequence[tuple[str, str]]) -> None:
        over = [self._engine.active[run_id] for run_id, name in due if name == RUN_LIMIT and run_id in self._engine.active]

        async def expire(active: Active) -> None:
            with self._apart.one(active.run.state.run_id, "a run can't be ended at its time limit"):
                await self._engine.expire(active)

        await asyncio.gather(*(expire(active) for active in over if active.run.expires))

    async def _read_back(self, run_ids: Sequence[str]) -> None:
        """Read runs of which something is due. What is ours stays ours while our epoch lasts; a queued run is claimed first."""
        for stored in await self._journal.load(run_ids) if run_ids else ():
            with self._apart.one(stored.run_id, "a run of which something is due can't be read back"):
                if stored.status == "queued":
                    await self._requests.bring(self.epoch, stored.run_id)
                elif (plan := await self._requests.plan(stored)) is not None:
                    self._requests.take(plan, stored)

    async def _asked(self) -> None:
        while asked := await self._journal.requests(self.epoch, _REQUESTS + len(self._given_up)):
            fresh = [request for request in asked if request.id not in self._given_up]
            for request in fresh:
                await self._obey(request)
            await self._engine.standing()
            if not any(request.run_id in self._engine.active for request in fresh):
                return

    async def _obey(self, request: Request) -> None:
        """Obey one command. An error that nobody has thought of is its own: it is refused, and the others have their turn."""
        try:
            await self._requests.obey(self.epoch, request)
        except Exception as error:
            if for_all(error):
                raise
            log.exception("a command ended in an unexpected error", run=request.run_id, request=request.id)
            try:
                await self._requests.refuse(self.epoch, request, error)
            except Exception as again:
                if for_all(again):
                    raise
                log.exception("a command can't even be refused; its row stays", run=request.run_id, request=request.id)
                self._given_up.add(request.id)
