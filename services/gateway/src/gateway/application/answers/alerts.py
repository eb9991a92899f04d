"""Alerts, and the messages that were sent about them."""

from datetime import datetime
from typing import Any

from gateway.application.answers.base import Answer, example


class NotificationAnswer(Answer):
    """A message to people and what became of it."""

    model_config = example(
        id="01977e00-0000-7000-8000-00000000000a",
        alert_id="01977e00-0000-7000-8000-000000000007",
        channel_id="01977d0b-0000-7000-8000-000000000004",
        channel="ops",
        transition="firing",
        status="sent",
        at="2026-11-22T03:14:08Z",
        attempts=2,
        receipt="1763781248.001200",
    )

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

    model_config = example(
        id="01977e00-0000-7000-8000-000000000007",
        fingerprint="9f2c41d07ab35e8800d1c26f7b4a93ec",
        rule_id="01977d0c-0000-7000-8000-000000000005",
        rule="no-heartbeat",
        severity="critical",
        state="firing",
        since="2026-11-22T03:14:07Z",
        at="2026-11-22T03:15:07Z",
        title="eu-prod: no heartbeat of the scheduler",
        where="eu-prod",
        evidence="scheduler.heartbeat_age = 94.0",
        labels={"cluster": "eu-prod"},
        url="/clusters/01977d0a-0000-7000-8000-000000000002/",
        story=[{"at": "2026-11-22T03:14:07Z", "state": "firing", "evidence": "scheduler.heartbeat_age = 33.1", "acknowledged_by": None}],
    )

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
