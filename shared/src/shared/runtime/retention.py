"""Removes what is past its time: in small batches, one replica at a time, without a lock that anybody else waits for.

A service says what a batch is (`Forget`); this part says when, and who. Each batch is a transaction of its own that holds the fence of
the lease, so two replicas never remove at once; rows that somebody works on are passed over and found again at the next look.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import asyncpg

from shared.runtime import metrics
from shared.runtime.database import Database, why_away
from shared.runtime.delivery.lease import Claim, Leases, StaleEpoch, guard
from shared.runtime.ids import new_id
from shared.runtime.logging import get_logger

log = get_logger(__name__)

Forget = Callable[[asyncpg.Connection], Awaitable[Mapping[str, int]]]
"""Removes one batch; returns what was removed and how many. All zero means that nothing is left to remove now."""

_LEASE_SECONDS = 60.0
_BREATH_SECONDS = 0.05
"""Between two batches, so that the tables' users come first."""


class Retention:
    """A part that looks every so many seconds."""

    def __init__(self, database: Database, instance: str, forget: Forget, *, every: float = 60.0) -> None:
        self._database = database
        self._leases = Leases(database, f"{instance}-{new_id()[-8:]}")
        self._forget = forget
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name="retention")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            try:
                await self.look()
            except StaleEpoch:
                log.info("another replica removes what is past its time")
            except Exception as error:  # noqa: BLE001 - it is tried again, and said
                log.warning("retention waits", reason=why_away(error) or repr(error))
            await asyncio.sleep(self._every)

    async def look(self) -> Mapping[str, int]:
        """Remove all that is past its time now; return what was removed. Nothing when another replica does it."""
        claim = await self._leases.claim("retention", _LEASE_SECONDS)
        total: dict[str, int] = {}
        if claim is None:
            return total
        try:
            while any((removed := await self._batch(claim)).values()):
                for what, count in removed.items():
                    total[what] = total.get(what, 0) + count
                    metrics.RETENTION_REMOVED.labels(what).inc(count)
                await asyncio.sleep(_BREATH_SECONDS)
                await self._leases.renew(claim, _LEASE_SECONDS)
        finally:
            with contextlib.suppress(Exception):
                await self._leases.release(claim)
        if total:
            log.info("removed what was past its time", **total)
        return total

    async def _batch(self, claim: Claim) -> Mapping[str, int]:
        async with self._database.connection() as connection, connection.transaction():
            await guard(connection, claim)
            return await self._forget(connection)
