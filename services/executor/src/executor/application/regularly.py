"""Work that is done again and again for as long as a part lives."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_AFTER_TROUBLE_SECONDS = 1.0


async def regularly(seconds: float, work: Callable[[], Awaitable[None]], news: asyncio.Event | None = None) -> None:
    """Do ``work`` at once and then every ``seconds``, and at once again when there is ``news``; never ends by itself.

    What goes wrong is logged under the name of the task that this runs in, and the work is done again a second later.
    """
    while True:
        try:
            await work()
        except Exception as error:
            if reason := why_away(error):
                log.warning("regular work waits for the database", work=_name(), reason=reason)
            else:
                log.exception("regular work failed; it is tried again", work=_name())
            await asyncio.sleep(_AFTER_TROUBLE_SECONDS)
        if news is None:
            await asyncio.sleep(seconds)
            continue
        try:
            await asyncio.wait_for(news.wait(), seconds)
        except TimeoutError:
            continue
        news.clear()


def _name() -> str:
    task = asyncio.current_task()
    return task.get_name() if task is not None else ""
