"""Work that the clock starts."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from shared.runtime.database import why_away
from shared.runtime.logging import get_logger
from shared.runtime.parts import NotReady

log = get_logger(__name__)


class Every:
    """A part that does something every so many seconds. One that fails is logged and done again; it never piles up."""

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float, *, name: str) -> None:
        self._work = work
        self._seconds = seconds
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self._done_at = 0.0
        self._trouble = "has not been done yet"

    async def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End; what is being done is cancelled, and its transaction rolled back."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def check(self) -> None:
        """Readiness: it was done lately."""
        if time.monotonic() - self._done_at > 10 * self._seconds + 5:
            raise NotReady(f"{self._name}: {self._trouble or 'takes too long'}")

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._work()
            except Exception as error:
                reason = why_away(error)
                if reason is None:
                    log.exception("work by the clock failed", work=self._name)
                elif reason != self._trouble:
                    log.warning("work by the clock waits", work=self._name, reason=reason)
                self._trouble = reason or repr(error)
            else:
                self._trouble = ""
                self._done_at = time.monotonic()
            await asyncio.sleep(max(0.05, self._seconds - (time.monotonic() - began)))
