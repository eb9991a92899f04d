"""Group: which live message in which channel tells of each change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerter.application.ports import NewId, Notifications
from alerter.application.stages.evaluate import Change
from alerter.domain.alert import Alert
from alerter.domain.group import Live, Place, place
from alerter.domain.notification import Transition, transition


@dataclass(frozen=True)
class Placed:
    """A change, what it is to people, and the message that tells it."""

    alert: Alert
    transition: Transition
    channel_id: str
    place: Place


async def group(changes: Sequence[Change], notifications: Notifications, new_id: NewId) -> list[Placed]:
    """Return the places of all changes that concern people; new messages are opened."""
    telling = [(change.after, kind) for change in changes if (kind := transition(change.before, change.after)) is not None]
    if not telling:
        return []
    live = await notifications.live({alert.rule_id for alert, _ in telling}, [alert.alert_id for alert, _ in telling])
    placed: list[Placed] = []
    for alert, kind in telling:
        holders = {message.channel_id for message in live if alert.alert_id in message.alert_ids}
        for channel_id in alert.channels if kind == "fired" else sorted(holders):
            where = place(alert.alert_id, channel_id, alert.rule_id, live, new_id())
            live = await _entered(alert, channel_id, where, live, notifications)
            placed.append(Placed(alert, kind, channel_id, where))
    return placed


async def _entered(alert: Alert, channel_id: str, where: Place, live: list[Live], notifications: Notifications) -> list[Live]:
    if where.new:
        message = Live(where.message_id, alert.rule_id, channel_id, where.shared, (alert.alert_id,))
        await notifications.open_message(message)
        return [*live, message]
    joined: list[Live] = []
    for message in live:
        if message.message_id == where.message_id and alert.alert_id not in message.alert_ids:
            await notifications.join_message(message.message_id, alert.alert_id)
            joined.append(replace(message, alert_ids=(*message.alert_ids, alert.alert_id)))
        else:
            joined.append(message)
    return joined
