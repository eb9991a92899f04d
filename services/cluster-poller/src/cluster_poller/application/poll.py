"""One poll of one cluster: a bounded number of requests, whatever the number of DAGs, and what they tell.

Each poll: health, the runs that changed since the watermark, the task counts of active and changed runs.
Now and then: all DAGs, import errors, the queue, the list of active runs, and a look for runs that were deleted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from cluster_poller.application.ports import ClusterApi, Clusters, HealthReading, Message
from cluster_poller.application.run_reading import RunNews, read_runs
from cluster_poller.domain.diff import dags_digest, tell_dags, tell_runs
from cluster_poller.domain.health import judge, unknown
from cluster_poller.domain.pace import due
from cluster_poller.domain.samples import samples
from cluster_poller.domain.snapshot import KnownRun, RunKey, Snapshot
from cluster_poller.domain.trouble import ClusterTrouble, NotThere
from shared.contracts import topics
from shared.contracts.clusters import ClusterObserved, ClusterRegistered, Reach
from shared.contracts.dags import DagRunsObserved, DagsObserved

Found = TypeVar("Found")

RETELL_DAGS_SECONDS = 600.0

LONGEST_POLL_SECONDS = 120.0
"""A cluster whose every answer is slow must not keep commands waiting for the end of a poll."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll leads to: the next snapshot, what of it must be written, and what is told."""

    snapshot: Snapshot
    changed: Mapping[RunKey, KnownRun]
    forgotten: frozenset[RunKey]
    messages: tuple[Message, ...]
    trouble: ClusterTrouble | None

    @property
    def observed(self) -> ClusterObserved:
        return next(message.event for message in self.messages if isinstance(message.event, ClusterObserved))


class Poll:
    """Polls clusters. Never raises ClusterTrouble: what is wrong with a cluster is what the poll tells."""

    def __init__(self, clusters: Clusters, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._clusters = clusters
        self._now = now
        self._new_id = new_id

    async def __call__(self, cluster: ClusterRegistered, before: Snapshot, *, whole: bool = False) -> PollResult:
        """Poll ``cluster`` once. ``whole`` reads the DAGs too, e.g. after a command changed one."""
        moved = bool(before.base_url) and before.base_url != cluster.base_url
        reading = _Reading(cluster, Snapshot() if moved else before, self._now, self._new_id, whole=whole)
        before_requests = self._clusters.requests(cluster.cluster_id)
        trouble: ClusterTrouble | None = None
        try:
            async with asyncio.timeout(LONGEST_POLL_SECONDS):
                await reading.read(await self._clusters.api(cluster))
        except TimeoutError:
            message = f"The cluster answers, but so slowly that a poll took more than {LONGEST_POLL_SECONDS:.0f} s and was given up."
            trouble = ClusterTrouble("timeout", message, passing=True)
        except ClusterTrouble as error:
            trouble = error
            if error.problem in {"wrong_url", "bad_answer"} and not error.passing:
                await self._clusters.forget(cluster.cluster_id)  # it may have become another version: look again
        requests = max(0, self._clusters.requests(cluster.cluster_id) - before_requests)
        gone = frozenset(before.runs) if moved else frozenset()
        return reading.result(trouble, requests=requests, gone=gone)


class _Reading:
    """What one poll has read so far; a poll that breaks off keeps what it has."""

    def __init__(
        self, cluster: ClusterRegistered, before: Snapshot, now: Callable[[], datetime], new_id: Callable[[], str], *, whole: bool
    ) -> None:
        self.cluster = cluster
        self.before = before
        self.after = replace(before, base_url=cluster.base_url)
        self.now = now
        self.new_id = new_id
        self.whole = whole
        self.started = now()
        self.read_at = dict(before.read_at)
        self.health: HealthReading | None = None
        self.health_seconds: float | None = None
        self.skew: float | None = None
        self.news = RunNews()
        self.dags: list[DagsObserved] = []
        self.errors_read = False
        self.remarks: list[str] = []

    async def read(self, api: ClusterApi) -> None:
        """Read what is due, in the order of its worth."""
        self.after = replace(self.after, api=api.api, version=api.version)
        await self._health(api)
        if self._due("version"):
            self.after = replace(self.after, version=await api.read_version())
        await self._runs(api)
        if self.whole or self._due("dags"):
            await self._dags(api)
        if self._due("errors"):
            found = await self._optional("import errors", api.import_errors)
            if found is not None:
                self.after = replace(self.after, import_errors=found)
                self.errors_read = True
            queue = await self._optional("pools", api.queue)
            oldest = None if queue is None or queue.oldest_queued_at is None else self._cluster_now() - queue.oldest_queued_at
            self.after = replace(
                self.after,
                queued_task_instances=None if queue is None else queue.queued_task_instances,
                oldest_queued_seconds=None if oldest is None else max(0.0, oldest.total_seconds()),
            )

    def _due(self, part: str) -> bool:
        if not due(part, self.before.read_at, self.started):
            return False
        self.read_at[part] = self.started
        return True

    def _cluster_now(self) -> datetime:
        return self.now() + timedelta(seconds=self.skew or 0.0)

    async def _optional(self, what: str, read: Callable[[], Awaitable[Found]]) -> Found | None:
        """Read something that a role may not be allowed to see: then the poll goes on and says so."""
        try:
            return await read()
        except NotThere:
            return None
        except ClusterTrouble as error:
            if error.problem != "no_permission":
                raise
            self.remarks.append(f"{what} can't be read: {error.message}")
            return None

    async def _health(self, api: ClusterApi) -> None:
        sent = self.now()
        health = await api.health()
        received = self.now()
        self.health = health
        self.health_seconds = (received - sent).total_seconds()
        if health.dated:
            # The Date header counts whole seconds, so half a second is added; the answer is dated somewhere between the two.
            middle = sent + (received - sent) / 2
            self.skew = round((health.cluster_now + timedelta(seconds=0.5) - middle).total_seconds(), 1)
        self.after = replace(
            self.after, components=tuple(judge(part, cluster_now=health.cluster_now, source=health.source) for part in health.components)
        )

    async def _runs(self, api: ClusterApi) -> None:
        active = self._due("active")
        reconcile = self._due("reconcile")
        self.news = await read_runs(api, self.after, dated=self.skew is not None, active=active, reconcile=reconcile)
        self.after = replace(
            self.after,
            first_read_done=True,
            runs=self.news.runs,
            held=self.news.held,
            watermark=self.news.watermark,
            offset=self.news.offset,
        )
        if self.news.offset:
            self.remarks.append("More runs changed than one poll reads; the next polls catch up.")

    async def _dags(self, api: ClusterApi) -> None:
        dags = await api.dags()
        self.read_at["dags"] = self.started
        mark = dags_digest(dags)
        told = self.before.read_at.get("dags_told")
        if mark != self.before.dags_digest or told is None or (self.started - told).total_seconds() >= RETELL_DAGS_SECONDS:
            self.dags = tell_dags(self.cluster.cluster_id, dags, sweep=self.new_id(), at=self.started)
            self.read_at["dags_told"] = self.started
        self.after = replace(self.after, dags_digest=mark, dags_total=len(dags), dags_paused=sum(dag.is_paused for dag in dags))

    def result(self, trouble: ClusterTrouble | None, *, requests: int, gone: frozenset[RunKey]) -> PollResult:
        at = self.now()
        if trouble is None:
            self.after = replace(self.after, last_answer_at=at, read_at=self.read_at)
        components = self.after.components
        if self.health is None:
            components = unknown(self.before.components, why=trouble.message if trouble else "")
            self.after = replace(self.after, components=components)
        observed = ClusterObserved(
            cluster_id=self.cluster.cluster_id,
            revision=self.cluster.revision,
            observed_at=at,
            reach=Reach.ANSWERED if trouble is None else trouble.reach,
            detail=(trouble.message if trouble is not None else " ".join(self.remarks))[:4000],
            version=self.after.version,
            api=self.after.api,
            latency_seconds=self.health_seconds,
            requests=requests,
            clock_skew_seconds=self.skew,
            last_answer_at=self.after.last_answer_at,
            components=components,
            dags_total=self.after.dags_total,
            dags_paused=self.after.dags_paused,
            queued_task_instances=None if trouble else self.after.queued_task_instances,
            oldest_queued_seconds=None if trouble else self.after.oldest_queued_seconds,
            import_errors=self.after.import_errors if self.errors_read else None,
        )
        runs = tell_runs(
            self.cluster.cluster_id,
            self.news.news,
            self.news.removed + tuple(sorted(gone)),
            at=at,
            first_sight=not self.before.first_read_done,
        )
        events: list[ClusterObserved | DagsObserved | DagRunsObserved] = [observed, *self.dags, *runs]
        key = self.cluster.cluster_id
        messages = [
            Message(topics.CLUSTERS_OBSERVATIONS if isinstance(event, ClusterObserved) else topics.DAGS_OBSERVATIONS, event, key)
            for event in events
        ]
        measured = samples(self.cluster, observed)
        messages.append(Message(topics.METRICS_SAMPLES, measured, measured.source))
        return PollResult(
            snapshot=self.after,
            changed=self.news.changed,
            forgotten=self.news.forgotten | (gone - self.news.changed.keys()),
            messages=tuple(messages),
            trouble=trouble,
        )
