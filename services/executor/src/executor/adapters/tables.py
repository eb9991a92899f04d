"""The executor's tables. The journal is the truth about runs; everything else can be told from it or from the topics."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _moment(*, nullable: bool = False) -> Any:
    default = None if nullable else sa.text("clock_timestamp()")
    return Field(default=None, sa_type=sa.DateTime(timezone=True), nullable=nullable, sa_column_kwargs={"server_default": default})


class Executor(SQLModel, table=True):
    """One life of an executor process; its number is the epoch of everything that it writes."""

    __tablename__ = "executors"

    epoch: int | None = Field(default=None, sa_type=sa.BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": True})
    instance: str
    host: str
    lease_until: datetime = _moment()
    started_at: datetime = _moment()
    retired_at: datetime | None = _moment(nullable=True)  # from here on it changes no row
    heir: int | None = Field(default=None, sa_type=sa.BigInteger)  # the epoch that takes its runs over
    settled_at: datetime | None = _moment(nullable=True)  # nothing of it is left to take over
    batch: int = Field(default=0, sa_type=sa.BigInteger)
    published: int = Field(default=0, sa_type=sa.BigInteger)  # batches up to here are acknowledged by Kafka


class RunRow(SQLModel, table=True):
    """Where a run is and who owns it; what it did stands in the journal."""

    __tablename__ = "runs"

    run_id: str = Field(primary_key=True)
    workflow_id: str
    workflow: str
    version: int
    status: str
    owner: int | None = Field(default=None, sa_type=sa.BigInteger)
    started_at: datetime = _moment()
    ended_at: datetime | None = _moment(nullable=True)


class JournalRow(SQLModel, table=True):
    """Events of one run that were decided together, one JSON object per line. Never changed."""

    __tablename__ = "journal"

    run_id: str = Field(primary_key=True)
    first: int = Field(primary_key=True)
    last: int
    epoch: int = Field(sa_type=sa.BigInteger)
    batch: int = Field(sa_type=sa.BigInteger)
    body: bytes


class Wait(SQLModel, table=True):
    """A planned attempt."""

    __tablename__ = "waits"

    run_id: str = Field(primary_key=True)
    component: str = Field(primary_key=True)
    due_at: datetime = _moment()


class RequestRow(SQLModel, table=True):
    """A command to a run that waits for the run's owner."""

    __tablename__ = "requests"

    id: int | None = Field(default=None, sa_type=sa.BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": True})
    run_id: str
    external: bool
    body: str
    received_at: datetime = _moment()


class CheckpointRow(SQLModel, table=True):
    """How far one component of a run has moved one source."""

    __tablename__ = "checkpoints"

    run_id: str = Field(primary_key=True)
    component: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    source: str = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSONB)
    updated_at: datetime = _moment()


class WorkflowRow(SQLModel, table=True):
    """A version of a workflow, copied from ``workflows.registry.v1``."""

    __tablename__ = "workflows"

    workflow_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    name: str
    definition: dict[str, Any] = Field(sa_type=JSONB)
    retired: bool


class EndpointRow(SQLModel, table=True):
    """An endpoint, copied from ``endpoints.registry.v1``; its secret stays sealed."""

    __tablename__ = "endpoints"

    endpoint_id: str = Field(primary_key=True)
    name: str
    kind: str
    options: dict[str, Any] = Field(sa_type=JSONB)
    sealed_secret: str | None = None
    limits: dict[str, Any] = Field(sa_type=JSONB)
    revision: int


class GateRow(SQLModel, table=True):
    """How an endpoint with limits stands; whoever changes it or its slots holds this row's lock."""

    __tablename__ = "gates"

    endpoint_id: str = Field(primary_key=True)
    failures: int = 0
    opened_until: datetime | None = _moment(nullable=True)
    tokens: float | None = None
    filled_at: datetime | None = _moment(nullable=True)
    turn: int = Field(default=0, sa_type=sa.BigInteger)
    served: dict[str, int] = Field(sa_type=JSONB)


class SlotRow(SQLModel, table=True):
    """An attempt that asked at its endpoint's gate: it waits, or was let through. It goes with its executor's epoch."""

    __tablename__ = "slots"

    run_id: str = Field(primary_key=True)
    component: str = Field(primary_key=True)
    endpoint_id: str
    epoch: int = Field(sa_type=sa.BigInteger)
    workflow_id: str
    priority: int = Field(sa_type=sa.SmallInteger)
    retry: bool
    number: int = Field(sa_type=sa.BigInteger)
    granted_at: datetime | None = _moment(nullable=True)
    trial: bool = False


class TurnRow(SQLModel, table=True):
    """A run that waits for its turn, or one of a limited workflow that has it."""

    __tablename__ = "turns"

    run_id: str = Field(primary_key=True)
    workflow_id: str
    priority: int = Field(sa_type=sa.SmallInteger)
    number: int = Field(sa_type=sa.BigInteger)
    taken_by: int | None = Field(default=None, sa_type=sa.BigInteger)  # the epoch that let it go on
