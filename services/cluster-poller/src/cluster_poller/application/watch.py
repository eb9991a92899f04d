"""Watching one cluster as long as this replica holds its lease: commands first, then polls, each cluster by itself.

Every cluster has a task of its own, so one that hangs delays nobody else.
"""

import asyncio
import random
import time
from collections.abc import Callable

from cluster_poller.application.commands import Commands
from cluster_poller.application.poll import Poll, PollResult
from cluster_poller.application.ports import Lease, StaleLease, Store
from cluster_poller.domain.pace import wait_seconds
from cluster_poller.domain.snapshot import Snapshot
from shared.contracts.clusters import ClusterRegistered
from shared.runtime.logging import get_logger

log = get_logger(__name__)

STORE_AWAY_SECONDS = 2.0


class Watch:
    """One cluster's loop. ``wake`` makes it look for commands at once."""

    def __init__(
        self,
        cluster: ClusterRegistered,
        lease: Lease,
        *,
        poll: Poll,
        commands: Commands,
        store: Store,
        least_seconds: float,
        away: Callable[[BaseException], str | None],
    ) -> None:
        self.cluster = cluster
        self.lease = lease
        self._poll = poll
        self._commands = commands
        self._store = store
        self._interval = max(cluster.poll_seconds, least_seconds)
        self._away = away
        self._wake = asyncio.Event()
        self._failures = 0
        self._snapshot: Snapshot | None = None
        self._next_poll = time.monotonic() + min(self._interval, 5.0) * random.random() * 0.2  # noqa: S311 - spread, no secret

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Go on until cancelled, or until another replica has the cluster."""
        while True:
            try:
                await self._round()
            except StaleLease:
                log.info("cluster was taken over by another replica", cluster_id=self.cluster.cluster_id, epoch=self.lease.epoch)
                return
            except Exception as error:
                why = self._away(error)
                if why is None:
                    log.exception("a round of a cluster failed", cluster_id=self.cluster.cluster_id)
                else:
                    log.warning("a cluster waits for the database", cluster_id=self.cluster.cluster_id, reason=why)
                await asyncio.sleep(STORE_AWAY_SECONDS)

    async def _round(self) -> None:
        self._wake.clear()
        if self._snapshot is None:
            self._snapshot = await self._store.load(self.cluster.cluster_id)
        carried = await self._commands.carry_out(self.cluster, self.lease)
        if carried.acted or carried.polls or time.monotonic() >= self._next_poll:
            result = await self._poll(self.cluster, self._snapshot, whole=carried.acted)
            await self._save(result)
            await self._commands.confirm_polls(self.lease, carried.polls, result.observed.reach, result.observed.detail)
        wait = self._next_poll - time.monotonic()
        if carried.waiting:
            wait = min(wait, 1.0)
        if wait > 0:
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                return

    async def _save(self, result: PollResult) -> None:
        self._failures = 0 if result.trouble is None else self._failures + 1
        self._next_poll = time.monotonic() + wait_seconds(self._interval, self._failures, chance=random.random())  # noqa: S311 - spread
        await self._store.save(self.lease, result.snapshot, changed=result.changed, forgotten=result.forgotten, messages=result.messages)
        self._snapshot = result.snapshot
        if result.trouble is not None and self._failures == 1:
            log.warning(
                "a cluster is in trouble", cluster_id=self.cluster.cluster_id, problem=result.trouble.problem, detail=result.trouble.message
            )
