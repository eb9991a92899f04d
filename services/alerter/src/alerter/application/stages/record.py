"""Record: what became of a claim is written under its epoch, and told on ``alerts.events.v1``."""

from alerter.application.channels import Retryable
from alerter.application.ports import Notifications
from alerter.application.stages.send import Sent
from alerter.domain.notification import Notification


async def record(notification: Notification, sent: Sent, notifications: Notifications, *, pace: float) -> bool:
    """Write it; False when somebody else claimed the notification meanwhile, whose word counts then.

    A provider's Retry-After holds for the whole channel, not only for the message that met it.
    """
    asked = sent.error.retry_after if isinstance(sent.error, Retryable) and sent.error.retry_after is not None else 0.0
    return await notifications.record(notification, pace=max(pace, asked))
