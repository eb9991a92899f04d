"""Rules, channels, and the alerts that come of them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import Contract, Id, Json, Name, Seconds, Text, Utc


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class RuleSubject(StrEnum):
    """What a rule's expression is asked about; each subject declares its own variables."""

    CLUSTER = "cluster"
    DAG_RUN = "dag_run"
    WORKFLOW_RUN = "workflow_run"
    SAMPLE = "sample"


class RuleDefined(Contract):
    """``alerts.rules.v1``: one rule; a tombstone removes it and resolves its alerts."""

    rule_id: Id
    name: Name
    subject: RuleSubject
    expression: str = Field(min_length=1, max_length=4000, description="CEL, true = firing.")
    hold: Seconds = Field(default=0, description="The expression must hold this long before the alert fires.")
    severity: Severity = Severity.WARNING
    summary: str = Field(default="", max_length=500, description="Title of the alert; {variable} is replaced.")
    labels: dict[str, str] = {}
    channels: tuple[Id, ...] = ()
    enabled: bool = True
    revision: int = Field(default=1, ge=1)


class ChannelDefined(Contract):
    """``alerts.channels.v1``: where notifications go; a tombstone removes it."""

    channel_id: Id
    name: Name
    kind: str = Field(max_length=40, description="slack, email, …")
    options: dict[str, Json] = {}
    sealed_secret: str | None = Field(
        default=None, description="JSON objects of secrets, each sealed to the alerter by itself, a space between; owner = channel_id."
    )
    enabled: bool = True
    revision: int = Field(default=1, ge=1)


class AcknowledgeAlert(Contract):
    command: Literal["acknowledge"] = "acknowledge"
    alert_id: Id
    requested_by: str = Field(default="", max_length=200)
    note: Text = ""


class SilenceRule(Contract):
    command: Literal["silence"] = "silence"
    rule_id: Id
    until: Utc
    requested_by: str = Field(default="", max_length=200)
    reason: Text = ""


class TestChannel(Contract):
    """Send a test notification; the answer is an alert event of kind notification."""

    command: Literal["test_channel"] = "test_channel"
    channel_id: Id
    request_id: Id
    requested_by: str = Field(default="", max_length=200)


AlertCommand = Annotated[AcknowledgeAlert | SilenceRule | TestChannel, Field(discriminator="command")]
"""``alerts.commands.v1``."""


class AlertState(StrEnum):
    """Never mixed: no data is not ok, and unknown is not firing."""

    PENDING = "pending"
    FIRING = "firing"
    OK = "ok"
    NO_DATA = "no_data"
    UNKNOWN = "unknown"


class AlertChanged(Contract):
    """An alert (one rule about one thing) changed its state or its evidence."""

    kind: Literal["alert"] = "alert"
    alert_id: Id = Field(description="One incident of a rule and a thing: a new one each time it fires again.")
    fingerprint: Id = Field(description="The rule and the thing, the same over all incidents.")
    rule_id: Id
    rule: str = Field(max_length=100)
    severity: Severity
    state: AlertState
    since: Utc
    at: Utc
    title: Text
    where: Text = Field(default="", description="The thing in words, e.g. eu-prod · orders_hourly.")
    evidence: Text = ""
    labels: dict[str, str] = {}
    url: str = Field(default="", max_length=2000, description="Path of the page that shows the thing.")
    acknowledged_by: str | None = None
    acknowledged_at: Utc | None = None
    resolved_at: Utc | None = None


class NotificationChanged(Contract):
    """What became of one message to people."""

    kind: Literal["notification"] = "notification"
    notification_id: Id
    alert_id: Id | None = None
    request_id: Id | None = None
    channel_id: Id
    channel: str = Field(default="", max_length=100)
    transition: Literal["fired", "updated", "resolved", "test"]
    status: Literal["waiting", "sent", "failed"]
    at: Utc
    attempts: int = 0
    next_attempt_at: Utc | None = None
    receipt: str = Field(default="", max_length=500, description="The provider's own id of the message.")
    reason: Text = ""
    possible_duplicate: bool = False


AlertEvent = Annotated[AlertChanged | NotificationChanged, Field(discriminator="kind")]
"""``alerts.events.v1``."""
