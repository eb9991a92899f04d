"""The triggers of an executor: schedules that are due, and the topics that it listens to."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from executor.application.ports import Connector
from executor.application.registries import Plans
from executor.application.regularly import regularly
from executor.application.triggers.listener import TopicListener
from executor.application.triggers.ports import Book, TriggerRow
from executor.application.triggers.schedules import fire_due
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_CLAIM_SECONDS = 1.0
_SCHEDULES_SECONDS = 1.0
"""Between two looks for schedules that are due: cron knows no shorter time than a minute."""
_FORGET_SECONDS = 3600.0
_END_SECONDS = 5.0


class TriggerWatch:
    """A part. Which topics are ours stands in the database; what changes there shows here within a second."""

    def __init__(self, book: Book, plans: Plans, connectors: dict[str, Connector], *, epoch: Callable[[], int]) -> None:
        self._book = book
        self._plans = plans
        self._connectors = connectors
        self._epoch = epoch
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._listening: dict[tuple[str, str], tuple[Any, asyncio.Task[None]]] = {}
        self._forgot_at = time.monotonic()
        self._declared = False

    async def start(self) -> None:
        """Begin to look."""
        self._tasks = [
            asyncio.create_task(regularly(_SCHEDULES_SECONDS, self._schedules), name="schedules"),
            asyncio.create_task(regularly(_CLAIM_SECONDS, self._topics, self._news), name="topics of triggers"),
        ]

    async def drain(self) -> None:
        """Listen no more, and let others take our topics at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        had, self._tasks = bool(self._tasks), []
        await self._end(list(self._listening))
        if had:
            try:
                await self._book.release(self._epoch())
            except Exception as error:
                if why_away(error) is None:
                    raise

    async def stop(self) -> None:
        """Drain, if that was not done before."""
        await self.drain()

    def nudge(self) -> None:
        """Look at once: what is declared has changed."""
        self._news.set()

    async def _schedules(self) -> None:
        await fire_due(self._book)
        if time.monotonic() - self._forgot_at > _FORGET_SECONDS:
            self._forgot_at = time.monotonic()
            await self._book.forget_old()

    async def _topics(self) -> None:
        if not self._declared:
            await self._book.declare_missing()
            self._declared = True
        epoch = self._epoch()
        await self._book.claim(epoch)
        wanted = {row.key: row for row in await self._book.mine(epoch)}
        await self._end(
            [
                key
                for key, (signs, task) in self._listening.items()
                if key not in wanted or task.done() or signs != _signs(wanted[key], epoch)
            ]
        )
        for key, row in wanted.items():
            if key not in self._listening:
                listener = TopicListener(row, epoch, self._book, self._plans, self._connectors)
                task = asyncio.create_task(listener.run(), name=f"trigger {row.workflow}/{row.name}")
                self._listening[key] = (_signs(row, epoch), task)

    async def _end(self, keys: list[tuple[str, str]]) -> None:
        tasks = [self._listening.pop(key)[1] for key in keys]
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        # A broker that does not answer must not hold up the others; what it still does changes nothing that is not ours.
        done, _ = await asyncio.wait(tasks, timeout=_END_SECONDS)
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                log.error("a trigger's listener failed", exc_info=error)


def _signs(row: TriggerRow, epoch: int) -> tuple[int, int, bool]:
    """What makes a listener begin anew when it changes."""
    return epoch, row.version, row.paused
