"""DAGs over all clusters and their runs."""

from datetime import datetime

from gateway.application.answers.base import Answer


class DagRunAnswer(Answer):
    """A DAG run. ``task_counts``: task instances by state; None = not read."""

    cluster_id: str
    dag_id: str
    dag_run_id: str
    state: str
    run_type: str = ""
    sort_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    task_counts: dict[str, int] | None = None
    note: str = ""
    observed_at: datetime


class DagAnswer(Answer):
    """A DAG of a cluster with its newest runs, newest first. ``stale``: the cluster can't be seen now."""

    cluster_id: str
    cluster: str
    dag_id: str
    is_paused: bool
    description: str = ""
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    schedule: str = ""
    next_run_at: datetime | None = None
    has_import_errors: bool = False
    file: str = ""
    observed_at: datetime
    stale: bool = False
    asked_paused: bool | None = None
    runs: tuple[DagRunAnswer, ...] = ()
