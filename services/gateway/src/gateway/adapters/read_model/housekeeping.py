"""Forgets what is past its time, every few minutes."""

import asyncio

from gateway.adapters.read_model.alert_writer import forget_old
from shared.runtime.database import Database, why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

EVERY = 300.0


class Housekeeping:
    """A part. Several replicas may do it at once: what one has dropped the other does not find."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name="housekeeping")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep(self) -> None:
        while True:
            try:
                async with self._database.session() as session:
                    await forget_old(session)
            except Exception as error:  # noqa: BLE001 - it is tried again, and said
                log.warning("housekeeping waits", reason=why_away(error) or repr(error))
            await asyncio.sleep(EVERY)
