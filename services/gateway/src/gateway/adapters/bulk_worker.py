"""Works on bulk retries, step by step. Every replica has one; who holds a job's row works on it."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

IDLE_SECONDS = 1.0
AWAY_SECONDS = 5.0


class BulkWorker:
    """A part."""

    def __init__(self, step: Callable[[], Awaitable[bool]]) -> None:
        self._step = step
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="bulk retries")

    async def stop(self) -> None:
        """End; the step under way is rolled back, and whoever comes next does it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _work(self) -> None:
        while True:
            wait = IDLE_SECONDS
            try:
                if await self._step():
                    wait = 0.0
            except Exception as error:  # noqa: BLE001 - it is tried again, and said
                log.warning("bulk retries wait", reason=why_away(error) or repr(error))
                wait = AWAY_SECONDS
            await asyncio.sleep(wait)
