"""The copy of a registry here may be behind its topic: what is not in it gets time to come."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.runtime.logging import get_logger

log = get_logger(__name__)

BEHIND_SECONDS, STILL_BEHIND_SECONDS = 90.0, 0.2
"""How long is waited for a copy that is behind its topic: at first, and while that was found shortly before.

The first is longer than it takes until another executor reads the partitions of one that died (10 s session, 60 s rebalance): what
was published meanwhile is no wrong name.
"""
REMEMBERED_SECONDS = 5.0
_MOST_REMEMBERED = 10_000

T = TypeVar("T")


class Copy:
    """One registry's copy. ``caught_up`` returns when all that stands in the topic now is here; it may be cut."""

    def __init__(self, what: str, caught_up: Callable[[], Awaitable[None]]) -> None:
        self._what = what
        self._caught_up = caught_up
        self._behind_at = float("-inf")
        self._missed: dict[str, float] = {}
        """Name → the time at which it was waited for in vain."""

    @property
    def behind(self) -> bool:
        """Whether it was found behind its topic a moment ago, so that what is not in it may be there."""
        return time.monotonic() - self._behind_at < REMEMBERED_SECONDS

    async def wait(self) -> None:
        """Return when it is as new as its topic, or has been waited for long enough."""
        behind = self.behind
        try:
            async with asyncio.timeout(STILL_BEHIND_SECONDS if behind else BEHIND_SECONDS):
                await self._caught_up()
        except TimeoutError:
            if not behind:
                log.warning("the copy of a registry is behind; what is not in it is taken for missing", registry=self._what)
            self._behind_at = time.monotonic()

    async def find(self, name: str, look: Callable[[str], Awaitable[T | None]]) -> T | None:
        """Return what ``look`` finds in the copy, at once or when it has caught up. A wrong name is not waited for again and again."""
        found = await look(name)
        if found is not None or time.monotonic() - self._missed.get(name, float("-inf")) < REMEMBERED_SECONDS:
            return found
        await self.wait()
        found = await look(name)
        if found is None:
            if len(self._missed) > _MOST_REMEMBERED:
                self._missed.clear()
            self._missed[name] = time.monotonic()
        return found
