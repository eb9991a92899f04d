"""Taking over from an executor that has died: what it decided goes out, and what it was working on goes on."""

import asyncio
import time
from collections.abc import Callable, Sequence

from executor.application.apart import Apart
from executor.application.engine import Engine
from executor.application.entries import Journal, Leftover, Outcomes, Stored
from executor.application.requests import Requests
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_CHUNK = 500
_FIRST_CHUNK = 32
"""Runs of a dead executor that are taken over at first, so that some go on while the others are still being read."""


class Inheritance:
    """What the dead leave to the life whose epoch is ``epoch()``."""

    def __init__(self, engine: Engine, journal: Journal, outcomes: Outcomes, requests: Requests, *, epoch: Callable[[], int]) -> None:
        self._engine = engine
        self._journal = journal
        self._outcomes = outcomes
        self._requests = requests
        self._epoch = epoch
        self._apart = Apart()
        self.unread = asyncio.Event()
        """Set while there are inherited runs that wait and were not looked through."""

    async def take_over(self) -> None:
        """Take over from one dead executor, if there is one; raises StaleEpoch when our own life has ended.

        Of a run, what the dead one decided goes out before it becomes ours, and with that before anything that we decide on top of it.
        The runs that it was working on come first, in chunks: the last need not be read before the first goes on. What only waits
        may be much more, and can.
        """
        epoch = self._epoch()
        dead = await self._journal.inherit(epoch)
        if dead is None:
            return
        left: dict[str, list[Leftover]] = {}
        for leftover in await self._journal.leftovers(dead):
            left.setdefault(leftover.run_id, []).append(leftover)
        busy = await self._journal.busy(dead)
        done, chunk = 0, _FIRST_CHUNK
        while done < len(busy):
            part = busy[done : done + chunk]
            await self._outcomes.republish([one for run_id in part for one in left.pop(run_id, ())])
            await self._resume_all(await self._journal.adopt(dead, epoch, part))
            done, chunk = done + chunk, min(2 * chunk, _CHUNK)
        await self._outcomes.republish([one for those in left.values() for one in those])
        await self._journal.settle(dead, epoch)
        log.info("took over", dead=dead, busy=len(busy))
        self.unread.set()

    async def look_through(self) -> None:
        """Look for attempts under way in inherited runs that have planned ones too, beside all else: at most every other moment."""
        await self.unread.wait()
        self.unread.clear()
        epoch, after = self._epoch(), ""
        try:
            while self._epoch() == epoch and (page := await self._journal.waiting(epoch, after, _CHUNK)):
                began, after = time.monotonic(), page[-1]
                await self._resume_all(page)
                await asyncio.sleep(time.monotonic() - began)
        except Exception:
            self.unread.set()
            raise

    async def _resume_all(self, run_ids: Sequence[str]) -> None:
        absent = [run_id for run_id in run_ids if run_id not in self._engine.active]
        for stored in await self._journal.load(absent) if absent else ():
            with self._apart.one(stored.run_id, "an inherited run can't be read back"):
                await self._resume(stored)

    async def _resume(self, stored: Stored) -> None:
        plan = await self._requests.plan(stored)
        if plan is not None and stored.run_id not in self._engine.active:
            self._engine.resume(self._engine.take(plan, stored))
