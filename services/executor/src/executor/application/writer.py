"""Group commit: everything that was decided while the last commit ran is written by the next one."""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from executor.application.entries import Conflict, Entry, Journal, Outcomes
from executor.application.ports import StaleEpoch
from shared.runtime import failpoints
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_MOST = 4000
"""Entries in one transaction."""
_LONGEST_WAIT = 5.0


class JournalWriter:
    """Writes entries in the order in which they come, publishes them, and then lets the engine act on them."""

    def __init__(self, journal: Journal, outcomes: Outcomes, *, lease: float, lost: Callable[[str], None]) -> None:
        self._journal = journal
        self._outcomes = outcomes
        self._lease = lease
        self._lost = lost
        self._queue: deque[Entry] = deque()
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._batch = 0
        self.epoch = 0
        self._writing = False
        self._taken = 0  # entries taken from the queue, ever
        self._settled: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.waiting = ""
        self.commits = 0
        self.entries = 0

    def start(self, epoch: int) -> None:
        """Begin to write under an epoch; its batches are numbered from 1."""
        self.epoch = epoch
        self._batch = 0
        self._queue.clear()
        while self._settled:
            self._settled.popleft()[1].cancel()
        self._task = asyncio.create_task(self._run(), name="journal writer")

    async def stop(self) -> None:
        """Write what is queued if the database lets us within a few seconds, then end."""
        task, self._task = self._task, None
        if task is None:
            return
        for _ in range(100):
            if task.done() or (not self._queue and not self._work.is_set()):
                break
            await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def add(self, entry: Entry) -> None:
        """Take an entry; it is durable when its ``committed`` is called."""
        self._queue.append(entry)
        self._work.set()

    def settled(self) -> "asyncio.Future[None]":
        """Return what resolves when all entries so far are written or refused."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._queue and not self._writing:
            answer.set_result(None)
        else:
            self._settled.append((self._taken + len(self._queue), answer))
        return answer

    @property
    def backlog(self) -> int:
        return len(self._queue)

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            batch: list[Entry] = []
            while self._queue and len(batch) < _MOST:
                batch.append(self._queue.popleft())
            if not batch:
                self._work.clear()
                continue
            self._taken += len(batch)
            self._writing = True
            try:
                await self._write(batch)
            except StaleEpoch as error:
                self._lost(str(error))
                return
            finally:
                self._writing = False
                self.waiting = ""  # however it ended: commands are not read while the journal waits
            while self._settled and self._settled[0][0] <= self._taken:
                answer = self._settled.popleft()[1]
                if not answer.done():
                    answer.set_result(None)
            if not self._queue:
                self._work.clear()

    async def _write(self, entries: list[Entry]) -> None:
        try:
            await self._commit(entries)
        except Conflict as error:
            if len(entries) == 1:
                if error.__cause__ is None:
                    log.info("an entry was already there", run=entries[0].run_id, first=entries[0].first, error=str(error)[:200])
                else:
                    log.exception("an entry can't be written; its run stands still", run=entries[0].run_id, first=entries[0].first)
                if entries[0].refused is not None:
                    entries[0].refused(entries[0])
                return
            # Halves, and not one by one: a single entry that was there costs a few commits more, not thousands.
            half = len(entries) // 2
            await self._write(entries[:half])
            await self._write(entries[half:])
            return
        for entry in entries:
            if entry.committed is not None:
                self._tell(entry, entry.committed)

    @staticmethod
    def _tell(entry: Entry, committed: Callable[[Entry], None]) -> None:
        """Tell that an entry stands. An error in what follows is that run's alone: the others, and later ones, go on."""
        try:
            committed(entry)
        except Exception:
            log.exception("what follows a written entry ended in an unexpected error", run=entry.run_id, first=entry.first)

    async def _commit(self, entries: list[Entry]) -> None:
        """Commit one batch, as often as the database is away. One without an answer is looked for before it is repeated.

        One that ends in an error that nobody has thought of is a Conflict: it is parted until what is wrong with it is alone.
        """
        wait = 0.05
        unknown = False
        strange: Exception | None = None
        while True:
            try:
                failpoints.hit("journal.before_commit")
                if unknown and await self._journal.stands(self.epoch, self._batch + 1):
                    break
                if strange is not None:
                    raise Conflict(f"it can't be written: {strange!r}") from strange  # noqa: TRY301 - after a last look
                await self._journal.commit(self.epoch, self._batch + 1, self._outcomes.published, self._lease, entries)
            except (Conflict, StaleEpoch):
                raise
            except Exception as error:
                reason = why_away(error)
                if reason is None:
                    log.exception("a batch ended in an unexpected error", entries=len(entries))
                    reason, strange = f"the journal: {type(error).__name__}", error
                if not self.waiting:
                    log.warning("the journal waits", reason=reason)
                self.waiting = reason
                unknown = True
                await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - spreads replicas, no secret
                wait = min(wait * 2, _LONGEST_WAIT)
            else:
                break
        failpoints.hit("journal.after_commit")
        self.waiting = ""
        self._batch += 1
        self.commits += 1
        self.entries += len(entries)
        self._outcomes.offer(self._batch, entries)
