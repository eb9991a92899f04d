"""The tables of triggers."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_MOMENT = sa.DateTime(timezone=True)
_NOW = {"server_default": sa.text("clock_timestamp()")}


class TriggerTable(SQLModel, table=True):
    """A trigger of a workflow's newest version; one that is no longer declared stays as ``gone``, so that a pause outlives it."""

    __tablename__ = "triggers"

    workflow_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    workflow: str
    kind: str
    version: int
    body: dict[str, Any] = Field(sa_type=JSONB)
    paused: bool
    gone: bool
    next_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    trouble: str
    from_start: bool
    owner: int | None = Field(default=None, sa_type=sa.BigInteger)  # the epoch that listens for it
    since: datetime = Field(sa_type=_MOMENT, sa_column_kwargs=_NOW)
    life: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # how often it was gone and came back


class FiringTable(SQLModel, table=True):
    """A firing that asked for a run; its name stands once, so the same thing never starts a second one."""

    __tablename__ = "trigger_firings"

    workflow_id: str = Field(primary_key=True)
    trigger: str = Field(primary_key=True)
    firing_id: str = Field(primary_key=True)
    kind: str
    run_id: str
    fired_at: datetime = Field(sa_type=_MOMENT, sa_column_kwargs=_NOW)
