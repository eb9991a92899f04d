"""Alerts, and the messages that were sent about them."""

from datetime import datetime
from typing import Any

from gateway.application.answers.base import Answer


class NotificationAnswer(Answer):
    """A message to people and what became of it."""

    id: str
    alert_id: str | None = None
    channel_id: str
    channel: str = ""
    transition: str = ""
    status: str
    at: datetime
    attempts: int = 0
    next_attempt_at: datetime | None = None
    receipt: str = ""
    reason: str = ""
    possible_duplicate: bool = False


class AlertAnswer(Answer):
    """One incident of a rule and a thing."""

    id: str
    fingerprint: str
    rule_id: str
    rule: str
    severity: str
    state: str
    since: datetime
    at: datetime
    title: str
    where: str = ""
    evidence: str = ""
    labels: dict[str, str] = {}
    url: str = ""
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    story: tuple[dict[str, Any], ...] = ()
    notifications: tuple[NotificationAnswer, ...] = ()
