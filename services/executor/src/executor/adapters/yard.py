"""Where messages are moved: a thread with an event loop and a database pool of its own.

Moving costs up to a hundred microseconds of work per message. In the engine's loop that would delay every run; here the
engine is only held up for a switch of the interpreter now and then.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable

import uvloop

from executor.adapters.checkpoints import PostgresCheckpoints
from executor.application.attempts import Job, Report
from executor.application.ports import Outcome
from shared.runtime.database import Database
from shared.runtime.logging import get_logger
from shared.runtime.settings import ServiceSettings

log = get_logger(__name__)


class ThreadYard:
    """A part that runs jobs in its own loop."""

    def __init__(self, settings: ServiceSettings, epoch: Callable[[], int]) -> None:
        self._settings = settings
        self._epoch = epoch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._database: Database | None = None

    async def start(self) -> None:
        """Start the thread; raises Away while the database is."""
        if self._loop is None:
            started = threading.Event()
            self._thread = threading.Thread(target=self._live, args=(started,), name="yard", daemon=True)
            self._thread.start()
            await asyncio.to_thread(started.wait)
        await self._across(self._open())

    async def stop(self) -> None:
        """Close the pool and end the thread. Jobs were cancelled by who started them."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        if self._database is not None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._database.stop(), loop))
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(self._thread.join, 5)

    async def run(self, job: Job, report: Report) -> Outcome:
        """Run ``job`` over there; what it reports comes back to this loop."""
        here = asyncio.get_running_loop()
        epoch = self._epoch()

        def tell(told: dict[str, object]) -> None:
            here.call_soon_threadsafe(report, told)

        async def work() -> Outcome:
            assert self._database is not None  # noqa: S101 - start made it
            return await job(PostgresCheckpoints(self._database, epoch), tell)

        return await self._across(work())

    async def _across(self, work: Awaitable[Outcome] | Awaitable[None]) -> Outcome:
        assert self._loop is not None  # noqa: S101 - start made it
        future: concurrent.futures.Future[Outcome] = asyncio.run_coroutine_threadsafe(_awaited(work), self._loop)  # type: ignore[arg-type]
        return await asyncio.wrap_future(future)

    async def _open(self) -> None:
        if self._database is None:
            self._database = Database(self._settings, "executor", None, pool_size=8)
        await self._database.start()

    def _live(self, started: threading.Event) -> None:
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        self._loop = loop
        loop.call_soon(started.set)
        try:
            loop.run_forever()
        finally:
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            loop.close()


async def _awaited(work: Awaitable[Outcome] | Awaitable[None]) -> Outcome | None:
    return await work
