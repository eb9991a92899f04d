"""Waiting in place while our own database is away: that is no failure of anybody's component."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 3.0


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do ``work`` as often as the database is away; any other error is the caller's."""
    wait = _FIRST_WAIT
    while True:
        try:
            return await work()
        except Exception as error:
            # Only our own database is asked here, so a broken connection is its absence, too.
            reason = why_away(error) or (str(error) or type(error).__name__ if isinstance(error, OSError) else None)
            if reason is None:
                raise
            if wait == _FIRST_WAIT:
                log.warning("an attempt waits", reason=reason)
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - spreads attempts, no secret
            wait = min(wait * 2, _LONGEST_WAIT)
