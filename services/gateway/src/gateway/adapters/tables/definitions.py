"""Definitions: what people wrote. The gateway owns them; the registry topics carry copies."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field

from gateway.adapters.tables.base import Base, document, moment, words


class DefinitionColumns(Base):
    """What every definition has. ``body`` is the contract's message without ids and secrets."""

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    revision: int = 1
    body: dict[str, Any] = document()
    sealed_secret: str | None = None
    created_at: datetime = moment()
    created_by: str = words()
    updated_at: datetime = moment()
    updated_by: str = words()


class Cluster(DefinitionColumns, table=True):
    __tablename__ = "clusters"


class Endpoint(DefinitionColumns, table=True):
    __tablename__ = "endpoints"


class Rule(DefinitionColumns, table=True):
    __tablename__ = "rules"


class Channel(DefinitionColumns, table=True):
    __tablename__ = "channels"


class Workflow(Base, table=True):
    """A workflow; its versions never change. A deleted one is kept as ``retired``, because its runs point at it."""

    __tablename__ = "workflows"
    __table_args__ = (Index("workflows_name_once", "name", unique=True, postgresql_where=text("NOT retired")),)

    id: str = Field(primary_key=True)
    name: str
    description: str = words()
    latest: int = 1
    retired: bool = False
    created_at: datetime = moment()
    updated_at: datetime = moment()
    updated_by: str = words()


class WorkflowVersion(Base, table=True):
    __tablename__ = "workflow_versions"
    __table_args__ = (UniqueConstraint("workflow_id", "version"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    workflow_id: str = Field(foreign_key="workflows.id")
    version: int
    yaml: str = words()
    definition: dict[str, Any] = document()
    published_at: datetime = moment()
    published_by: str = words()
    note: str = words()
