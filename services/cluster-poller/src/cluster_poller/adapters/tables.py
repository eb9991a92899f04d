"""The poller's tables. It alone reads and writes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_NOW = text("clock_timestamp()")


class ClusterRow(SQLModel, table=True):
    """A registered cluster, who watches it, and what is remembered between two polls."""

    __tablename__ = "clusters"

    cluster_id: str = Field(primary_key=True)
    definition: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    revision: int
    lease_owner: str | None = None
    lease_epoch: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    lease_until: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    memory: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))


class KnownRunRow(SQLModel, table=True):
    """A DAG run as it was last told, so that a restart tells nothing twice."""

    __tablename__ = "known_runs"

    cluster_id: str = Field(primary_key=True, foreign_key="clusters.cluster_id", ondelete="CASCADE")
    dag_id: str = Field(primary_key=True)
    dag_run_id: str = Field(primary_key=True)
    digest: str
    state: str
    sort_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    counts: dict[str, int] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class CommandRow(SQLModel, table=True):
    """Something asked of a cluster, until it is confirmed or refused, and a while longer."""

    __tablename__ = "commands"
    __table_args__ = (
        Index("commands_open", "cluster_id", "place", postgresql_where=text("status IN ('asked', 'sent')")),
        Index("commands_settled", "settled_at", postgresql_where=text("settled_at IS NOT NULL")),
    )

    command_id: str = Field(primary_key=True)
    place: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    cluster_id: str
    body: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    status: str
    reason: str = ""
    observed: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    attempted: bool = False
    attempts: int = 0
    epoch: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    traceparent: str | None = None
    expires_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    asked_at: datetime = Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=_NOW))
    next_attempt_at: datetime = Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=_NOW))
    settled_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class ReplicaRow(SQLModel, table=True):
    """A replica that lives, so that all take a fair share of the clusters."""

    __tablename__ = "replicas"

    owner: str = Field(primary_key=True)
    seen_at: datetime = Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=_NOW))
