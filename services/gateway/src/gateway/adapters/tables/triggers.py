"""The read model of triggers."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from gateway.adapters.tables.base import Base, moment, words


class TriggerState(Base, table=True):
    """How a trigger stands, as an executor last told it."""

    __tablename__ = "triggers"

    workflow_id: str = Field(primary_key=True)
    trigger: str = Field(primary_key=True)
    kind: str
    version: int
    paused: bool
    next_at: datetime | None = moment(nullable=True)
    trouble: str = words()
    gone: bool
    at: datetime = moment()


class TriggerFiring(Base, table=True):
    """A firing, or several added up. The newest 200 of each trigger are kept."""

    __tablename__ = "trigger_firings"
    __table_args__ = (Index("trigger_firings_newest", "workflow_id", "trigger", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    workflow_id: str
    trigger: str
    firing_id: str
    run_id: str | None = None
    result: str
    reason: str = words()
    count: int
    planned_at: datetime | None = moment(nullable=True)
    at: datetime = moment()
