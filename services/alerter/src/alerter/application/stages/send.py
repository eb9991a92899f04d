"""Send: one claimed notification through its channel. The only stage that talks to the outside."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from alerter.application.channels import Channel, Permanent, Retryable
from alerter.domain.notice import Notice
from alerter.domain.notification import Backoff, Notification
from shared.runtime.failpoints import reach

LIMIT_SECONDS = 15.0
"""For one sending, everything included; shorter than a claim's lease."""


@dataclass(frozen=True)
class Sent:
    """How a sending ended: the receipt, or the error."""

    receipt: str = ""
    error: Retryable | Permanent | None = None


async def send(notice: Notice, receipt: str, channel: Channel) -> Sent:
    """Tell a notice; whatever goes wrong comes back as Retryable or Permanent."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await reach("alerter.send.before")
            answer = await channel.send(notice, receipt)
            await reach("alerter.send.after")
    except (Retryable, Permanent) as error:
        return Sent(error=error)
    except TimeoutError:
        return Sent(error=Retryable(f"No answer within {LIMIT_SECONDS:g} s.", unknown=True))
    return Sent(receipt=answer)


def outcome(notification: Notification, sent: Sent, now: datetime, backoff: Backoff) -> Notification:
    """Return the notification as the sending left it."""
    if isinstance(sent.error, Permanent):
        return notification.failed(str(sent.error), now)
    if isinstance(sent.error, Retryable):
        return notification.later(str(sent.error), now, backoff, retry_after=sent.error.retry_after, unknown=sent.error.unknown)
    return notification.sent(sent.receipt, now)
