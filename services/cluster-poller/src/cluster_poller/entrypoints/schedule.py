"""The poller's own clock: holds leases, keeps one watch per cluster that it holds, and wakes those that are asked something."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from cluster_poller.adapters.intake import Orphans
from cluster_poller.adapters.leases import ClusterLeases, Held
from cluster_poller.adapters.store import PostgresStore
from cluster_poller.application.ports import Clusters, Lease
from cluster_poller.application.watch import Watch
from shared.contracts.clusters import ClusterRegistered
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger
from shared.runtime.parts import NotReady

log = get_logger(__name__)

TURN_SECONDS = 1.0
LEASE_TURN_SECONDS = 3.0
ORPHANS_SECONDS = 10.0
SILENT_SECONDS = 15.0


class Schedule:
    """A part: everything that happens by itself."""

    def __init__(
        self,
        leases: ClusterLeases,
        store: PostgresStore,
        clusters: Clusters,
        orphans: Orphans,
        watch: Callable[[ClusterRegistered, Lease], Watch],
    ) -> None:
        self._leases = leases
        self._store = store
        self._clusters = clusters
        self._orphans = orphans
        self._new_watch = watch
        self._watches: dict[str, tuple[Held, Watch, asyncio.Task[None]]] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last_turn = 0.0
        self._trouble = "has not begun yet"

    def look(self) -> None:
        """Look at the database at once: something came in."""
        self._news.set()

    async def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="schedule")

    async def drain(self) -> None:
        """Stop watching and give the clusters back, so that another replica goes on at once."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for cluster_id in list(self._watches):
            await self._end(cluster_id)
        await self._leases.give_back()

    async def stop(self) -> None:
        await self.drain()

    async def check(self) -> None:
        """Readiness: the leases could be held lately."""
        if time.monotonic() - self._last_turn > SILENT_SECONDS:
            raise NotReady(f"the schedule: {self._trouble or 'stands still'}")

    @property
    def watching(self) -> frozenset[str]:
        return frozenset(self._watches)

    async def _run(self) -> None:
        leased = orphaned = 0.0
        while True:
            try:
                news = self._news.is_set()
                self._news.clear()
                if news or time.monotonic() - leased >= LEASE_TURN_SECONDS:
                    await self._follow(await self._leases.turn())
                    leased = time.monotonic()
                for cluster_id in await self._leases.asked(list(self._watches)):
                    if cluster_id in self._watches:
                        self._watches[cluster_id][1].wake()
                if time.monotonic() - orphaned >= ORPHANS_SECONDS:
                    await self._orphans.refuse()
                    orphaned = time.monotonic()
                self._last_turn, self._trouble = time.monotonic(), ""
            except Exception as error:
                why = why_away(error)
                if (why or repr(error)) != self._trouble:
                    log.warning("the schedule waits", reason=why or repr(error), exc_info=None if why else error)
                self._trouble = why or repr(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_SECONDS):
                    await self._news.wait()

    async def _follow(self, held: list[Held]) -> None:
        """Let the watches be those of the held clusters, under their present definition and epoch."""
        wanted = {lease.cluster_id: lease for lease in held}
        for cluster_id, (lease, _, task) in list(self._watches.items()):
            if wanted.get(cluster_id) != lease or task.done():
                await self._end(cluster_id)
        for cluster_id, lease in wanted.items():
            if cluster_id in self._watches:
                continue
            definition = await self._store.definition(cluster_id)
            if definition is None:
                continue  # removed meanwhile; the next turn does not name it any more
            watch = self._new_watch(definition, Lease(cluster_id, lease.epoch))
            self._watches[cluster_id] = (lease, watch, asyncio.create_task(watch.run(), name=f"cluster {cluster_id}"))

    async def _end(self, cluster_id: str) -> None:
        _, _, task = self._watches.pop(cluster_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._clusters.forget(cluster_id)
