"""The read model of workflow runs and of alerts."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from gateway.adapters.tables.base import Base, document, listed, moment, words


class Run(Base, table=True):
    """A run. ``seq`` is the number of the last event in it; ``status`` is ``asked`` until the executor has answered."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("runs_newest", "asked_at", "run_id"),
        Index("runs_by_status", "status", "asked_at", "run_id"),
        Index("runs_by_workflow", "workflow_id", "asked_at", "run_id"),
        Index("runs_by_workflow_status", "workflow_id", "status", "asked_at", "run_id"),
        Index("runs_by_trigger", "trigger_kind", "asked_at", "run_id"),
        Index("runs_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    run_id: str = Field(primary_key=True)
    workflow_id: str = words()
    workflow: str = words()
    version: int | None = None
    status: str
    inputs: dict[str, Any] = document()
    requested_by: str = words()
    trigger: str = words()
    trigger_kind: str = words()
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    business_key: str | None = None
    priority: int = 5
    deadline_at: datetime | None = moment(nullable=True)
    queued: bool = False
    queued_for: str = words()
    paused_at: datetime | None = moment(nullable=True)
    paused_by: str = words()
    pause_reason: str = words()
    asked_at: datetime = moment()
    started_at: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)
    message: str = words()
    seq: int = 0
    gaps: int = 0
    refusal: dict[str, Any] | None = document(nullable=True)
    cancel_asked_at: datetime | None = moment(nullable=True)
    updated_at: datetime = moment()


class RunWords(Base, table=True):
    """What a run is found by: business key, id and inputs. Written once, apart from the row that changes with each event."""

    __tablename__ = "run_words"
    __table_args__ = (
        Index("run_words_newest", "asked_at", "run_id"),
        Index("run_words_like", "words", postgresql_using="gin", postgresql_ops={"words": "gin_trgm_ops"}),
    )

    run_id: str = Field(primary_key=True)
    asked_at: datetime = moment()
    words: str = words()


class RunComponent(Base, table=True):
    """Where one component of a run stands now."""

    __tablename__ = "run_components"
    __table_args__ = (Index("run_components_held", "run_id", postgresql_where=text("held IS NOT NULL")),)

    run_id: str = Field(primary_key=True)
    component: str = Field(primary_key=True)
    generation: int = 1
    attempt: int = 0
    attempts: int | None = None
    status: str
    started_at: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)
    next_attempt_at: datetime | None = moment(nullable=True)
    transfer: dict[str, Any] | None = document(nullable=True)
    failure: dict[str, Any] | None = document(nullable=True)
    output: dict[str, Any] = document()
    held: dict[str, Any] | None = document(nullable=True)
    decision: str | None = None
    why: str = words()
    message: str = words()
    host: str = words()
    span_id: str | None = None


class RunAttempt(Base, table=True):
    __tablename__ = "run_attempts"

    run_id: str = Field(primary_key=True)
    component: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    status: str
    started_at: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)
    next_attempt_at: datetime | None = moment(nullable=True)
    transfer: dict[str, Any] | None = document(nullable=True)
    failure: dict[str, Any] | None = document(nullable=True)
    decision: str | None = None
    why: str = words()
    holds: list[dict[str, Any]] = listed()
    host: str = words()
    span_id: str | None = None


class RunEventRow(Base, table=True):
    __tablename__ = "run_events"

    run_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    event: str
    at: datetime = moment(index=True)
    body: dict[str, Any] = document()


class Alert(Base, table=True):
    """One incident of a rule and a thing."""

    __tablename__ = "alerts"
    __table_args__ = (Index("alerts_by_state", "state", "since"),)

    alert_id: str = Field(primary_key=True)
    rule_id: str = Field(index=True)
    rule: str = words()
    severity: str
    state: str
    since: datetime = moment()
    at: datetime = moment()
    resolved_at: datetime | None = moment(nullable=True)
    acknowledged_at: datetime | None = moment(nullable=True)
    acknowledged_by: str | None = None
    body: dict[str, Any] = document()
    story: list[dict[str, Any]] = document()


class Notification(Base, table=True):
    __tablename__ = "notifications"

    notification_id: str = Field(primary_key=True)
    alert_id: str | None = Field(default=None, index=True)
    request_id: str | None = Field(default=None, index=True)
    channel_id: str = Field(index=True)
    status: str
    at: datetime = moment()
    body: dict[str, Any] = document()
