"""Dedup: nothing is queued that something already queued will tell."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from alerter.application.channels import ChannelKind
from alerter.application.ports import NewId, Notifications
from alerter.application.stages.group import Placed
from alerter.domain.notification import Notification, Status, worth_telling

SHARED_WAIT = 30.0
"""Seconds that a message shared by a flood of alerts collects before it tells again."""


async def dedup(
    placed: Sequence[Placed],
    notifications: Notifications,
    kinds: Mapping[str, ChannelKind],
    now: datetime,
    new_id: NewId,
) -> list[Notification]:
    """Return the notifications that are needed, at most one for each message."""
    unsent = await notifications.unsent({item.place.message_id for item in placed})
    channels = await notifications.channel_kinds() if placed else {}
    fresh: dict[str, Notification] = {}
    for item in placed:
        message_id = item.place.message_id
        kind = kinds.get(channels.get(item.channel_id, ""))
        if item.transition == "updated" and kind is not None and not kind.tells_updates:
            continue
        waiting = [notification for notification in unsent if notification.message_id == message_id]
        if message_id in fresh or not worth_telling(waiting):
            continue
        wait = SHARED_WAIT if item.place.shared and not item.place.new else 0.0
        fresh[message_id] = Notification(
            notification_id=new_id(),
            message_id=message_id,
            channel_id=item.channel_id,
            transition=item.transition,
            status=Status.WAITING,
            created_at=now,
            changed_at=now,
            alert_id=item.alert.alert_id,
            next_attempt_at=now + timedelta(seconds=wait),
        )
    return list(fresh.values())
