"""The tables of the schema ``alerter``. Migrations make them; the adapters beside this file use them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

NOW = text("clock_timestamp()")


def _moment(*, nullable: bool = False, default: bool = False) -> Any:
    return Field(
        default=None,
        sa_type=DateTime(timezone=True),
        nullable=nullable,
        sa_column_kwargs={"server_default": NOW} if default else {},
    )


class RuleRow(SQLModel, table=True):
    """A rule as it was defined last."""

    __tablename__ = "rules"
    rule_id: str = Field(primary_key=True, sa_type=Text)
    definition: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    changed_at: datetime = _moment(default=True)


class ChannelRow(SQLModel, table=True):
    """A channel, and when it may be used next: the pace and a provider's Retry-After hold for all replicas."""

    __tablename__ = "channels"
    channel_id: str = Field(primary_key=True, sa_type=Text)
    definition: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    next_send_at: datetime = _moment(default=True)


class ClusterRow(SQLModel, table=True):
    """What is known of a cluster: its registration and its newest observation."""

    __tablename__ = "clusters"
    cluster_id: str = Field(primary_key=True, sa_type=Text)
    registered: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    observed: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    known_since: datetime = _moment(default=True)
    changed_at: datetime = _moment(default=True)


class DagRow(SQLModel, table=True):
    """What a rule may ask of a DAG beside its runs."""

    __tablename__ = "dags"
    cluster_id: str = Field(primary_key=True, sa_type=Text)
    dag_id: str = Field(primary_key=True, sa_type=Text)
    tags: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    owners: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))


class RunRow(SQLModel, table=True):
    """A workflow run in flight, with the first component that failed in it."""

    __tablename__ = "runs"
    run_id: str = Field(primary_key=True, sa_type=Text)
    facts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    changed_at: datetime = _moment(default=True)


class SilenceRow(SQLModel, table=True):
    """A rule that nobody is told about for a while."""

    __tablename__ = "silences"
    rule_id: str = Field(primary_key=True, sa_type=Text)
    until: datetime = _moment()
    by: str = Field(default="", sa_type=Text)
    reason: str = Field(default="", sa_type=Text)


class AlertRow(SQLModel, table=True):
    """One incident. ``body`` is the whole alert; the other columns are what it is found by."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("alerts_newest", "fingerprint", "opened_at"),
        Index("alerts_open", "fingerprint", unique=True, postgresql_where=text("resolved_at IS NULL")),
        Index("alerts_of_rule", "rule_id", postgresql_where=text("resolved_at IS NULL")),
    )
    alert_id: str = Field(primary_key=True, sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    rule_id: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    thing: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    told: bool
    opened_at: datetime = _moment()
    changed_at: datetime = _moment()
    fired_at: datetime | None = _moment(nullable=True)
    pending_until: datetime | None = _moment(nullable=True)
    resolved_at: datetime | None = _moment(nullable=True)
    heard_at: datetime = _moment(default=True)
    body: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class MessageRow(SQLModel, table=True):
    """A live message: what people see of one incident, or of several, in one channel."""

    __tablename__ = "messages"
    __table_args__ = (Index("messages_of_rule", "rule_id", "channel_id"),)
    message_id: str = Field(primary_key=True, sa_type=Text)
    rule_id: str = Field(sa_type=Text)
    channel_id: str = Field(sa_type=Text)
    shared: bool = False
    receipt: str = Field(default="", sa_type=Text)
    created_at: datetime = _moment(default=True)


class MessageAlertRow(SQLModel, table=True):
    """Which alerts a live message tells of."""

    __tablename__ = "message_alerts"
    __table_args__ = (Index("message_alerts_by_alert", "alert_id"),)
    message_id: str = Field(sa_column=Column(Text, ForeignKey("messages.message_id", ondelete="CASCADE"), primary_key=True))
    alert_id: str = Field(primary_key=True, sa_type=Text)


class NotificationRow(SQLModel, table=True):
    """The outbox to people. ``epoch`` fences claims; ``next_attempt_at`` and ``lease_until`` are by the database's clock."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("notifications_unsent", "message_id", "created_at", postgresql_where=text("status IN ('waiting', 'sending')")),
        Index("notifications_of_channel", "channel_id", "changed_at"),
    )
    notification_id: str = Field(primary_key=True, sa_type=Text)
    message_id: str = Field(sa_type=Text)
    channel_id: str = Field(sa_type=Text)
    alert_id: str | None = Field(default=None, sa_type=Text)
    request_id: str | None = Field(default=None, sa_type=Text)
    transition: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    epoch: int = 0
    attempts: int = 0
    created_at: datetime = _moment()
    changed_at: datetime = _moment()
    next_attempt_at: datetime | None = _moment(nullable=True)
    lease_until: datetime | None = _moment(nullable=True)
    claimed_by: str = Field(default="", sa_type=Text)
    receipt: str = Field(default="", sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
    possible_duplicate: bool = False
