"""The read model of Airflow: what the poller saw, and what became of the commands."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from gateway.adapters.tables.base import Base, document, moment, words


class ClusterState(Base, table=True):
    """The newest observation of a cluster as a whole, and the newest one in which it answered."""

    __tablename__ = "cluster_states"

    cluster_id: str = Field(primary_key=True)
    observed_at: datetime = moment()
    reach: str
    last_answer_at: datetime | None = moment(nullable=True)
    observation: dict[str, Any] = document()
    answered: dict[str, Any] | None = document(nullable=True)


class Dag(Base, table=True):
    __tablename__ = "dags"

    cluster_id: str = Field(primary_key=True)
    dag_id: str = Field(primary_key=True)
    is_paused: bool
    paused_at: datetime = moment()
    description: str = words()
    owners: list[str] = document()
    tags: list[str] = document()
    schedule: str = words()
    next_run_at: datetime | None = moment(nullable=True)
    has_import_errors: bool = False
    file: str = words()
    sweep: str
    observed_at: datetime = moment()


class DagSweep(Base, table=True):
    """The full list of DAGs that is arriving in parts; only a list without a gap removes what it lacks."""

    __tablename__ = "dag_sweeps"

    cluster_id: str = Field(primary_key=True)
    sweep: str
    seen: int
    observed_at: datetime = moment()


class DagRun(Base, table=True):
    __tablename__ = "dag_runs"
    __table_args__ = (Index("dag_runs_newest", "cluster_id", "dag_id", "sort_at"), Index("dag_runs_ended_at", "ended_at"))

    cluster_id: str = Field(primary_key=True)
    dag_id: str = Field(primary_key=True)
    dag_run_id: str = Field(primary_key=True)
    state: str
    run_type: str = words()
    sort_at: datetime = moment()
    started_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)
    task_counts: dict[str, int] | None = document(nullable=True)
    note: str = words()
    observed_at: datetime = moment()


class ClusterCommandRow(Base, table=True):
    """A command and how far it got: asked → sent → confirmed, or refused."""

    __tablename__ = "cluster_commands"
    __table_args__ = (Index("cluster_commands_by_dag", "cluster_id", "dag_id", "asked_at"),)

    command_id: str = Field(primary_key=True)
    cluster_id: str
    action: str
    dag_id: str | None = None
    dag_run_id: str | None = None
    body: dict[str, Any] = document()
    status: str
    reason: str = words()
    requested_by: str = words()
    asked_at: datetime = moment(index=True)
    sent_at: datetime | None = moment(nullable=True)
    settled_at: datetime | None = moment(nullable=True)
    observed: dict[str, Any] = document()


class SampleLatest(Base, table=True):
    """The newest value of each series."""

    __tablename__ = "samples_latest"

    series: str = Field(primary_key=True)
    source: str = Field(index=True)
    name: str = Field(index=True)
    labels: dict[str, str] = document()
    value: float
    at: datetime = moment()


class Sample(Base, table=True):
    """A short history of each series."""

    __tablename__ = "samples"
    __table_args__ = (Index("samples_by_series", "series", "at"), Index("samples_at", "at", postgresql_using="brin"))

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    series: str
    value: float
    at: datetime = moment()
