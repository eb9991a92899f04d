"""What the use cases need from outside: a cluster's API, the store, and what a finished step hands over."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel

from cluster_poller.domain.health import ComponentReading
from cluster_poller.domain.snapshot import Api, KnownRun, RunKey, Snapshot
from shared.contracts.clusters import ClusterCommand, ClusterCommandOutcome, ClusterRegistered, CommandStatus, ImportError_, TriggerDag
from shared.contracts.dags import DagRunSeen, DagSeen, TaskInstanceSeen
from shared.contracts.internal import LogLine
from shared.contracts.topics import Topic


@dataclass(frozen=True, slots=True)
class HealthReading:
    components: tuple[ComponentReading, ...]
    cluster_now: datetime
    """The web server's clock (its ``Date`` header), resolution 1 s."""
    dated: bool
    """False when the answer had no usable ``Date``: then ``cluster_now`` is our own clock."""
    source: str


@dataclass(frozen=True, slots=True)
class RunsReading:
    """Runs as they were read. ``complete`` = nothing was left over; else the read goes on at ``next_offset``."""

    runs: tuple[DagRunSeen, ...]
    complete: bool
    next_offset: int
    cluster_now: datetime
    """The web server's clock when the read began: the next watermark."""


@dataclass(frozen=True, slots=True)
class QueueReading:
    queued_task_instances: int
    oldest_queued_at: datetime | None


@dataclass(frozen=True, slots=True)
class TasksReading:
    tasks: tuple[TaskInstanceSeen, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class LogReading:
    lines: tuple[LogLine, ...]
    next_token: str | None
    ended: bool


class ClusterApi(Protocol):
    """One Airflow deployment behind its REST API. Every method raises ClusterTrouble with the way out, nothing else."""

    api: Api
    version: str

    @property
    def requests(self) -> int:
        """Requests sent so far, sign-ins included."""
        ...

    async def read_version(self) -> str: ...
    async def prove_sign_in(self) -> None: ...
    async def health(self) -> HealthReading: ...
    async def changed_runs(self, since: datetime, *, offset: int) -> RunsReading: ...
    async def newest_runs(self, *, pages: int) -> RunsReading: ...
    async def active_runs(self) -> RunsReading: ...
    async def run(self, dag_id: str, dag_run_id: str) -> DagRunSeen | None: ...
    async def task_counts(self, runs: Sequence[RunKey]) -> Mapping[RunKey, Mapping[str, int]]: ...
    async def changed_task_runs(self, since: datetime) -> frozenset[RunKey] | None:
        """Give runs whose task instances changed; None = this API has no cheap way to tell."""
        ...

    async def dags(self) -> tuple[DagSeen, ...]: ...
    async def dag(self, dag_id: str) -> DagSeen: ...
    async def import_errors(self) -> tuple[ImportError_, ...]: ...
    async def queue(self) -> QueueReading: ...
    async def pause(self, dag_id: str, *, paused: bool) -> None: ...
    async def trigger(self, what: TriggerDag) -> None: ...
    async def tasks(self, dag_id: str, dag_run_id: str) -> TasksReading: ...
    async def log(
        self, dag_id: str, dag_run_id: str, task_id: str, *, try_number: int, map_index: int, token: str | None
    ) -> LogReading: ...


class Clusters(Protocol):
    """Gives the API of a registered cluster, signed in lazily and kept; detection happens on the first call."""

    async def api(self, cluster: ClusterRegistered) -> ClusterApi: ...
    def requests(self, cluster_id: str) -> int: ...
    async def forget(self, cluster_id: str) -> None: ...
    def trial(self, cluster: ClusterRegistered) -> AbstractAsyncContextManager[ClusterApi]:
        """Try a cluster that may not be saved: nothing of it is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to poll a cluster and to act on it. Every write names the epoch; a stale one changes nothing."""

    cluster_id: str
    epoch: int


class StaleLease(Exception):
    """Another replica has taken this cluster over; what was about to be written is dropped."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish with a state change."""

    topic: Topic
    event: BaseModel
    key: str


@dataclass(frozen=True, slots=True)
class PendingCommand:
    command: ClusterCommand
    status: CommandStatus
    attempted: bool
    """An earlier try may have reached the cluster: read back before acting."""
    attempts: int
    due: bool
    expired: bool
    """By the database's clock."""
    overdue: bool
    """Past the time after which an unreachable cluster means refusal."""
    traceparent: str | None


class Store(Protocol):
    """The poller's own state. Every write happens under a lease and together with what it publishes."""

    async def load(self, cluster_id: str) -> Snapshot: ...
    async def save(
        self,
        lease: Lease,
        snapshot: Snapshot,
        *,
        changed: Mapping[RunKey, KnownRun],
        forgotten: Iterable[RunKey],
        messages: Sequence[Message],
    ) -> None: ...
    async def pending(self, lease: Lease) -> list[PendingCommand]:
        """Give what is asked of this cluster and not settled, in the order of asking."""
        ...

    async def mark_attempt(self, lease: Lease, command_id: str) -> None:
        """Note before acting that the cluster may have been reached: after a crash that is read back first."""
        ...

    async def settle(self, lease: Lease, outcome: ClusterCommandOutcome) -> None:
        """Write how far a command got and publish it."""
        ...

    async def postpone(self, lease: Lease, command_id: str, *, seconds: float, reason: str) -> None:
        """Try a command again later; nothing is published."""
        ...
