"""Bulk retries: the job and one row for each run, so that a crash forgets nothing and repeats nothing."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from gateway.adapters.tables.base import Base, document, moment, words


class BulkRetry(Base, table=True):
    """A job. Whoever works on it holds its row, so a worker that dies lets go of it; ``due_at`` (database's clock) keeps the rate."""

    __tablename__ = "bulk_retries"

    bulk_id: str = Field(primary_key=True)
    status: str
    selection: dict[str, Any] = document()
    excluded: dict[str, Any] = document()
    version: int | None = None
    per_second: float
    total: int = 0
    of: str | None = None
    requested_by: str = words()
    reason: str = words()
    asked_at: datetime = moment(index=True)
    finished_at: datetime | None = moment(nullable=True)
    due_at: datetime | None = moment(nullable=True)


class BulkItem(Base, table=True):
    """What became of one run of a job."""

    __tablename__ = "bulk_retry_items"
    __table_args__ = (
        Index("bulk_retry_items_by_status", "bulk_id", "status", "place"),
        Index("bulk_retry_items_open", "run_id", postgresql_where=text("status IN ('waiting', 'asked', 'reopened')")),
    )

    bulk_id: str = Field(primary_key=True)
    place: int = Field(primary_key=True)
    run_id: str
    workflow: str = words()
    failure_code: str = words()
    status: str
    reason: str = words()
    seq: int = 0
    event_id: str = words()
    asked_at: datetime | None = moment(nullable=True)
    settled_at: datetime | None = moment(nullable=True)
