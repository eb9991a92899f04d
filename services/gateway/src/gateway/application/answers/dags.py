"""DAGs over all clusters and their runs."""

from datetime import datetime

from gateway.application.answers.base import Answer, example


class DagRunAnswer(Answer):
    """A DAG run. ``task_counts``: task instances by state; None = not read."""

    model_config = example(
        cluster_id="01977d0a-0000-7000-8000-000000000002",
        dag_id="orders_hourly",
        dag_run_id="scheduled__2026-11-22T03:00:00+00:00",
        state="failed",
        run_type="scheduled",
        sort_at="2026-11-22T03:00:00Z",
        started_at="2026-11-22T03:00:02Z",
        ended_at="2026-11-22T03:04:40Z",
        task_counts={"success": 7, "failed": 1, "upstream_failed": 2},
        observed_at="2026-11-22T03:14:05Z",
    )

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
    """A DAG of a cluster with its newest runs, newest first. ``stale``: the cluster can't be seen; from ``stale_at`` on without news."""

    model_config = example(
        cluster_id="01977d0a-0000-7000-8000-000000000002",
        cluster="eu-prod",
        dag_id="orders_hourly",
        is_paused=False,
        description="Loads the orders of the last hour",
        owners=["data"],
        tags=["orders"],
        schedule="0 * * * *",
        next_run_at="2026-11-22T04:00:00Z",
        file="/opt/airflow/dags/orders.py",
        observed_at="2026-11-22T03:14:05Z",
        runs=[
            {
                "cluster_id": "01977d0a-0000-7000-8000-000000000002",
                "dag_id": "orders_hourly",
                "dag_run_id": "scheduled__2026-11-22T03:00:00+00:00",
                "state": "failed",
                "sort_at": "2026-11-22T03:00:00Z",
                "observed_at": "2026-11-22T03:14:05Z",
            }
        ],
    )

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
    stale_at: datetime | None = None
    asked_paused: bool | None = None
    runs: tuple[DagRunAnswer, ...] = ()
