"""DAGs, DAG runs and task instances, as a poll saw them. The words and states are Airflow's."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import Contract, Id, Text, Utc

DAG_RUN_STATES = ("queued", "running", "success", "failed")
"""The states that Airflow gives to a DAG run."""


class DagSeen(Contract):
    dag_id: str = Field(max_length=250)
    is_paused: bool
    description: Text = ""
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    schedule: str = Field(default="", max_length=500, description="The timetable in words or cron, as Airflow says it.")
    next_run_at: Utc | None = None
    has_import_errors: bool = False
    file: str = Field(default="", max_length=1000)


class DagRunSeen(Contract):
    dag_id: str = Field(max_length=250)
    dag_run_id: str = Field(max_length=250)
    state: str = Field(max_length=40, description="queued, running, success, failed; anything else is shown as it is.")
    run_type: str = Field(default="", max_length=40)
    sort_at: Utc = Field(description="run_after (3.x) or execution_date (2.x): what runs are ordered by.")
    started_at: Utc | None = None
    ended_at: Utc | None = None
    task_counts: dict[str, int] | None = Field(default=None, description="Task instances by state; None = not read.")
    note: Text = ""


class TaskInstanceSeen(Contract):
    """One task instance; part of the poller's on-demand answers."""

    task_id: str = Field(max_length=250)
    map_index: int = -1
    state: str | None = Field(default=None, max_length=40, description="None = not scheduled yet.")
    try_number: int = 0
    max_tries: int = 0
    operator: str = Field(default="", max_length=250)
    started_at: Utc | None = None
    ended_at: Utc | None = None
    duration_seconds: float | None = None
    hostname: str = Field(default="", max_length=250)
    pool: str = Field(default="", max_length=250)


class DagsObserved(Contract):
    """Part of the DAGs of a cluster. ``complete`` with ``part`` = ``parts`` - 1 ends a full list; what it lacks is gone."""

    kind: Literal["dags"] = "dags"
    cluster_id: Id
    observed_at: Utc
    sweep: Id = Field(description="Names the full list that this part belongs to.")
    part: int = Field(ge=0)
    parts: int = Field(ge=1)
    dags: tuple[DagSeen, ...]


class DagRunsObserved(Contract):
    """DAG runs that are new or changed since the last poll."""

    kind: Literal["dag_runs"] = "dag_runs"
    cluster_id: Id
    observed_at: Utc
    first_sight: bool = Field(default=False, description="Runs found when the cluster was first read: history, not news.")
    runs: tuple[DagRunSeen, ...]
    removed: tuple[tuple[str, str], ...] = Field(default=(), description="(dag_id, dag_run_id) of runs that are no longer there.")


DagObservation = Annotated[DagsObserved | DagRunsObserved, Field(discriminator="kind")]
"""``dags.observations.v1``."""
