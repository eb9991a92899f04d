"""What the engine knows of clusters, told by the cluster-poller; nobody here ever talks to Airflow."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.clusters import ClusterCommand


@dataclass(frozen=True, slots=True)
class DagWait:
    """What an attempt waits for. ``wait_id`` is the component's idempotency key, so each of its attempts meets the same wait."""

    wait_id: str
    cluster_id: str
    dag_id: str
    dag_run_id: str | None  # None = the next one
    attempt: int


@dataclass(frozen=True, slots=True)
class DagRunNews:
    """How a wait stands: the command behind it, the DAG run as it was last seen, and how well its cluster is known."""

    since: datetime  # when the first attempt began to wait
    now: datetime  # both by the database's clock
    dag_run_id: str | None
    command: str | None  # status of the command; None = nothing was asked
    reason: str  # why the command was refused
    state: str | None  # of the DAG run; None = not seen yet
    started_at: datetime | None
    ended_at: datetime | None
    registered: bool
    reach: str | None  # how the last poll of the cluster ended; None = no poll is known
    detail: str
    observed_at: datetime | None  # when it was last polled


class Clusters(Protocol):
    """Copies of what the poller says, and the commands that go to it."""

    async def named(self, name: str) -> str | None:
        """Return the id of a cluster."""

    async def want(self, wait: DagWait, command: ClusterCommand | None, traceparent: str | None) -> None:
        """Begin to wait, once: the command leaves with the wait, and again only for a later attempt after a refusal."""

    async def news(self, wait_id: str) -> DagRunNews:
        """Return how a wait stands, after a moment. All waits of the process are looked up together, also while the database is away."""
