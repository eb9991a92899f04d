"""What is remembered of a cluster between two polls.

A snapshot is small on purpose: a run is kept as a digest, so that a thousand runs of a cluster cost a few hundred
kilobytes and a restart does not tell everything again as news.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from shared.contracts.clusters import ComponentHealth, ImportError_
from shared.contracts.dags import DagRunSeen, DagSeen

RunKey = tuple[str, str]
"""(dag_id, dag_run_id): a run's id is unique only inside its DAG."""

Api = Literal["v1", "v2"]

ACTIVE_STATES = frozenset({"queued", "running"})

RUNS_KEPT = 1000
"""Finished runs that are remembered per cluster; older ones that change are news again."""


def run_key(run: DagRunSeen) -> RunKey:
    return (run.dag_id, run.dag_run_id)


def digest(seen: DagRunSeen | DagSeen) -> str:
    """Name the content: two readings with the same digest say the same."""
    return hashlib.blake2b(seen.model_dump_json().encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run as it was last told."""

    digest: str
    state: str
    sort_at: datetime
    counts: Mapping[str, int] | None = None

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_STATES


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that one poll hands to the next. Times are the cluster's own clock where the name says so.

    ``watermark`` (cluster's clock) is where the next read of changed runs starts; ``offset`` is set while such a read is
    unfinished because more changed than one poll may fetch.
    """

    base_url: str = ""
    """Where it was read from: another address is another Airflow, and what was known of the old one is gone."""
    api: Api | None = None
    version: str | None = None
    first_read_done: bool = False
    watermark: datetime | None = None
    offset: int = 0
    runs: Mapping[RunKey, KnownRun] = field(default_factory=dict)
    held: Mapping[RunKey, DagRunSeen] = field(default_factory=dict)
    """Runs that are active or whose tasks were not counted yet, whole; only in memory, read again after a restart."""
    dags_digest: str = ""
    dags_total: int | None = None
    dags_paused: int | None = None
    components: tuple[ComponentHealth, ...] = ()
    last_answer_at: datetime | None = None
    import_errors: tuple[ImportError_, ...] | None = None
    queued_task_instances: int | None = None
    oldest_queued_seconds: float | None = None
    read_at: Mapping[str, datetime] = field(default_factory=dict)
    """Part of a poll that is not read every time → when it was read last (our clock)."""

    def active_runs(self) -> tuple[RunKey, ...]:
        return tuple(key for key, run in self.runs.items() if run.active)


def prune(runs: Mapping[RunKey, KnownRun], *, keep: int = RUNS_KEPT) -> dict[RunKey, KnownRun]:
    """Forget the oldest finished runs beyond ``keep``; active ones always stay."""
    if len(runs) <= keep:
        return dict(runs)
    active = {key: run for key, run in runs.items() if run.active}
    finished = sorted(((key, run) for key, run in runs.items() if not run.active), key=lambda item: item[1].sort_at, reverse=True)
    return active | dict(finished[: max(0, keep - len(active))])
