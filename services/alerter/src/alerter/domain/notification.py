"""A notification: one thing to be told about one live message, and how far the telling got.

    waiting ── claimed: sending(epoch) ──┬── the provider answered ──> sent
       ^                                 ├── never possible ─────────> failed
       └──── later (back-off) ───────────┘

A claim raises the epoch, and whatever is written afterwards names it: an alerter that was frozen or cut off changes
nothing. A claim whose lease ran out may have been sent; it is sent again and says that it is possibly a duplicate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from alerter.domain.alert import Alert
from shared.contracts.alerts import NotificationChanged

Transition = Literal["fired", "updated", "resolved", "test"]


class Status(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Backoff:
    """Waits between attempts, in seconds, and when to give up for good."""

    first: float = 1.0
    factor: float = 2.0
    most: float = 60.0
    give_up_after: float = 3 * 86_400.0

    def wait(self, attempts: int) -> float:
        """Return the wait after this many attempts."""
        return min(self.most, self.first * self.factor ** min(max(0, attempts - 1), 64))


@dataclass(frozen=True)
class Notification:
    notification_id: str
    message_id: str
    channel_id: str
    transition: Transition
    status: Status
    created_at: datetime
    changed_at: datetime
    alert_id: str | None = None
    request_id: str | None = None
    epoch: int = 0
    attempts: int = 0
    next_attempt_at: datetime | None = None
    receipt: str = ""
    reason: str = ""
    possible_duplicate: bool = False

    def sent(self, receipt: str, now: datetime) -> "Notification":
        return replace(self, status=Status.SENT, receipt=receipt, reason="", next_attempt_at=None, changed_at=now)

    def failed(self, reason: str, now: datetime) -> "Notification":
        return replace(self, status=Status.FAILED, reason=reason, next_attempt_at=None, changed_at=now)

    def later(self, reason: str, now: datetime, backoff: Backoff, *, retry_after: float | None, unknown: bool) -> "Notification":
        """Return it as waiting for its next attempt. ``unknown`` = the provider may have got it all the same.

        Nothing is sent before ``retry_after``, which the provider asked for and which counts more than our own cap.
        """
        wait = max(backoff.wait(self.attempts), retry_after or 0.0)
        if now + timedelta(seconds=wait) - self.created_at > timedelta(seconds=backoff.give_up_after):
            return self.failed(f"Given up after {self.attempts} attempts: {reason}", now)
        return replace(
            self,
            status=Status.WAITING,
            reason=reason,
            next_attempt_at=now + timedelta(seconds=wait),
            possible_duplicate=self.possible_duplicate or unknown,
            changed_at=now,
        )

    def as_event(self, channel: str) -> NotificationChanged:
        """Return it as ``alerts.events.v1`` tells it; what is being sent is still waiting for people."""
        return NotificationChanged(
            notification_id=self.notification_id,
            alert_id=self.alert_id,
            request_id=self.request_id,
            channel_id=self.channel_id,
            channel=channel[:100],
            transition=self.transition,
            status="waiting" if self.status is Status.SENDING else self.status.value,
            at=self.changed_at,
            attempts=self.attempts,
            next_attempt_at=self.next_attempt_at,
            receipt=self.receipt[:500],
            reason=self.reason[:4000],
            possible_duplicate=self.possible_duplicate,
        )


def transition(before: Alert | None, after: Alert) -> Transition | None:
    """Return what people are to be told about a change, None when it is nothing to them.

    An alert that never fired is nobody's business; one that was kept quiet by a silence and recovered is not either.
    """
    if after.fired_at is None or before == after:
        return None
    if not after.open:
        return "resolved" if after.told else None
    if not after.told:
        return "fired"
    return "updated"


def worth_telling(unsent: Sequence[Notification]) -> bool:
    """Return whether a new notification is needed beside those of the same message that are not sent yet.

    What is sent is written at the moment of sending. So a notification that still waits will tell the newest state by
    itself: after two minutes without Slack, people get one message that tells both the failure and the recovery.
    """
    return not any(notification.status is Status.WAITING for notification in unsent)
