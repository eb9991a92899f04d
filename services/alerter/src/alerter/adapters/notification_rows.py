"""Live messages and the outbox of notifications in the database. Deadlines and claims are by the database's clock."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from alerter.adapters.alert_rows import AlertRows
from alerter.adapters.tables import AlertRow, ChannelRow, MessageAlertRow, MessageRow, NotificationRow
from alerter.domain.alert import Alert
from alerter.domain.group import Live
from alerter.domain.notification import Notification, Status
from shared.contracts.topics import ALERTS_EVENTS

_LOCKED_UNSENT = select(NotificationRow).where(col(NotificationRow.status) == Status.WAITING.value)

# The oldest notification of each message goes first, and a channel is used by one sending at a time. A claim whose lease
# ran out may have been sent: it is taken again and says so.
_CLAIM = text(
    """
    WITH candidate AS (
        SELECT n.notification_id FROM notifications AS n JOIN channels AS c ON c.channel_id = n.channel_id
        WHERE (n.status = 'waiting' AND n.next_attempt_at <= clock_timestamp()
               OR n.status = 'sending' AND n.lease_until < clock_timestamp())
          AND c.next_send_at <= clock_timestamp()
          AND NOT EXISTS (
              SELECT 1 FROM notifications AS older
              WHERE older.message_id = n.message_id AND older.status IN ('waiting', 'sending')
                AND (older.created_at, older.notification_id) < (n.created_at, n.notification_id))
        ORDER BY n.created_at, n.notification_id LIMIT 1 FOR UPDATE OF n, c SKIP LOCKED
    ), taken AS (
        UPDATE notifications AS n
        SET status = 'sending', epoch = n.epoch + 1, attempts = n.attempts + 1, claimed_by = :holder,
            possible_duplicate = n.possible_duplicate OR n.status = 'sending',
            lease_until = clock_timestamp() + make_interval(secs => :lease), changed_at = clock_timestamp()
        FROM candidate WHERE n.notification_id = candidate.notification_id
        RETURNING n.notification_id, n.channel_id
    ), kept AS (
        UPDATE channels AS c SET next_send_at = clock_timestamp() + make_interval(secs => :lease)
        FROM taken WHERE c.channel_id = taken.channel_id
    )
    SELECT notification_id FROM taken
    """,
)
_FREE = text("UPDATE channels SET next_send_at = clock_timestamp() + make_interval(secs => :pace) WHERE channel_id = :channel_id")
_RELEASE = text(
    """
    WITH given_back AS (
        UPDATE notifications SET lease_until = clock_timestamp() - interval '1 second'
        WHERE status = 'sending' AND claimed_by = :holder RETURNING channel_id
    )
    UPDATE channels SET next_send_at = clock_timestamp() WHERE channel_id IN (SELECT channel_id FROM given_back)
    """,
)
_LIVE = text(
    """
    SELECT m.message_id, m.rule_id, m.channel_id, m.shared, array_agg(ma.alert_id) AS alert_ids
    FROM messages AS m JOIN message_alerts AS ma USING (message_id) JOIN alerts AS a USING (alert_id)
    WHERE m.rule_id = ANY(:rules)
    GROUP BY m.message_id HAVING bool_or(a.resolved_at IS NULL OR a.alert_id = ANY(:alerts))
    ORDER BY m.message_id
    """,
)
_ORPHANS = text(
    """
    SELECT notification_id FROM notifications AS n
    WHERE status = 'waiting' AND created_at < clock_timestamp() - make_interval(secs => :older_than)
      AND NOT EXISTS (SELECT 1 FROM channels AS c WHERE c.channel_id = n.channel_id) FOR UPDATE SKIP LOCKED
    """,
)
_AGAIN = text(
    """
    UPDATE notifications AS n SET status = 'waiting', reason = '', attempts = 0, next_attempt_at = clock_timestamp()
    WHERE channel_id = :channel_id AND status = 'failed' AND transition <> 'test'
      AND changed_at > clock_timestamp() - interval '1 day'
      AND NOT EXISTS (SELECT 1 FROM notifications AS newer WHERE newer.message_id = n.message_id
                      AND (newer.created_at, newer.notification_id) > (n.created_at, n.notification_id))
    """,
)
_COLUMNS = tuple(Notification.__dataclass_fields__)


class NotificationRows(AlertRows):
    """The port ``Notifications`` over one transaction."""

    async def live(self, rule_ids: Iterable[str], alert_ids: Iterable[str]) -> list[Live]:
        found = await self._session.execute(_LIVE, {"rules": sorted(set(rule_ids)), "alerts": sorted(set(alert_ids))})
        return [Live(row.message_id, row.rule_id, row.channel_id, row.shared, tuple(row.alert_ids)) for row in found]

    async def open_message(self, message: Live) -> None:
        row = {"message_id": message.message_id, "rule_id": message.rule_id, "channel_id": message.channel_id, "shared": message.shared}
        await self._session.execute(insert(MessageRow).values(**row))
        for alert_id in message.alert_ids:
            await self.join_message(message.message_id, alert_id)

    async def join_message(self, message_id: str, alert_id: str) -> None:
        await self._session.execute(insert(MessageAlertRow).values(message_id=message_id, alert_id=alert_id).on_conflict_do_nothing())

    async def unsent(self, message_ids: Iterable[str]) -> list[Notification]:
        ids = sorted(set(message_ids))
        if not ids:
            return []
        statement = _LOCKED_UNSENT.where(col(NotificationRow.message_id).in_(ids)).with_for_update()
        found = await self._session.execute(statement.execution_options(populate_existing=True))
        return [_notification(row) for row in found.scalars()]

    async def queue(self, notifications: Sequence[Notification]) -> None:
        if not notifications:
            return
        rows = [{name: _plain(getattr(notification, name)) for name in _COLUMNS} for notification in notifications]
        await self._session.execute(insert(NotificationRow), rows)
        for notification in notifications:
            await self._publish(notification)
        self._transaction.after_commit(self._wake)

    async def channel_kinds(self) -> dict[str, str]:
        kind = col(ChannelRow.definition)["kind"].astext
        found = await self._session.execute(select(col(ChannelRow.channel_id), kind))
        return {channel_id: name for channel_id, name in found}  # noqa: C416 - rows are no pairs to the type checker

    async def claim(self, holder: str, lease: float) -> Notification | None:
        taken = (await self._session.execute(_CLAIM, {"holder": holder, "lease": lease})).scalar_one_or_none()
        if taken is None:
            return None
        row = await self._session.get_one(NotificationRow, taken, populate_existing=True)
        return _notification(row)

    async def shown(self, message_id: str, limit: int) -> tuple[list[Alert], int, bool, str]:
        message = await self._session.get(MessageRow, message_id)
        if message is None:
            return [], 0, False, ""
        its = select(col(MessageAlertRow.alert_id)).where(col(MessageAlertRow.message_id) == message_id)
        alerts = await self._alerts(col(AlertRow.alert_id).in_(its))
        alerts.sort(key=lambda alert: (not alert.open, alert.opened_at, alert.alert_id))
        return alerts[:limit], len(alerts), message.shared, message.receipt

    async def record(self, notification: Notification, *, pace: float) -> bool:
        wait = notification.next_attempt_at - notification.changed_at if notification.next_attempt_at else timedelta(0)
        values: dict[str, Any] = {
            "status": notification.status.value,
            "receipt": notification.receipt,
            "reason": notification.reason,
            "possible_duplicate": notification.possible_duplicate,
            "next_attempt_at": func.clock_timestamp() + wait if notification.next_attempt_at else None,
            "lease_until": None,
            "changed_at": func.clock_timestamp(),
        }
        written = await self._session.execute(
            update(NotificationRow)
            .where(
                col(NotificationRow.notification_id) == notification.notification_id,
                col(NotificationRow.status) == Status.SENDING.value,
                col(NotificationRow.epoch) == notification.epoch,
            )
            .values(**values)
            .returning(col(NotificationRow.notification_id)),
        )
        if written.scalar_one_or_none() is None:
            return False
        if notification.status is Status.SENT:
            statement = update(MessageRow).where(col(MessageRow.message_id) == notification.message_id)
            await self._session.execute(statement.values(receipt=notification.receipt))
        await self._session.execute(_FREE, {"channel_id": notification.channel_id, "pace": pace})
        await self._publish(notification)
        return True

    async def release(self, holder: str) -> int:
        return _count(await self._session.execute(_RELEASE, {"holder": holder}))

    async def try_again(self, channel_id: str) -> int:
        await self._session.execute(_FREE, {"channel_id": channel_id, "pace": 0.0})
        self._transaction.after_commit(self._wake)
        return _count(await self._session.execute(_AGAIN, {"channel_id": channel_id}))

    async def fail_orphans(self, older_than: float) -> int:
        ids = list((await self._session.execute(_ORPHANS, {"older_than": older_than})).scalars())
        for notification_id in ids:
            row = await self._session.get_one(NotificationRow, notification_id, populate_existing=True)
            row.status, row.reason, row.next_attempt_at = Status.FAILED.value, "The channel does not exist: choose another one.", None
            await self._publish(_notification(row))
        await self._session.flush()
        return len(ids)

    async def _publish(self, notification: Notification) -> None:
        name = await self._session.scalar(
            select(col(ChannelRow.definition)["name"].astext).where(col(ChannelRow.channel_id) == notification.channel_id),
        )
        key = notification.alert_id or notification.request_id or notification.notification_id
        self._transaction.publish(ALERTS_EVENTS, notification.as_event(name or ""), key=key)


def _notification(row: NotificationRow) -> Notification:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Notification(**{**values, "status": Status(row.status)})


def _plain(value: object) -> object:
    return value.value if isinstance(value, Status) else value


def _count(result: Any) -> int:
    return int(result.rowcount)
