"""The alerts in the database. Whoever saves one publishes it in the same transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from alerter.adapters.tables import AlertRow
from alerter.domain.alert import Alert
from shared.contracts.alerts import AlertState, RuleSubject
from shared.contracts.topics import ALERTS_EVENTS
from shared.runtime.delivery import Transaction

_ALERT = TypeAdapter(Alert)
_LOCK = 0x466C_0A1E
"""Advisory lock under which alerts change; any number that nothing else in the database uses."""


class AlertRows:
    """The port ``Alerts`` over one transaction."""

    def __init__(self, transaction: Transaction, wake: Callable[[], None]) -> None:
        self._transaction = transaction
        self._wake = wake
        self._session = transaction.session

    async def lock(self) -> None:
        await self._session.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    async def newest(self, fingerprints: Iterable[str]) -> dict[str, Alert]:
        names = sorted(set(fingerprints))
        if not names:
            return {}
        found = await self._session.execute(
            select(col(AlertRow.body), col(AlertRow.told))
            .where(col(AlertRow.fingerprint).in_(names))
            .order_by(col(AlertRow.fingerprint), col(AlertRow.opened_at).desc(), col(AlertRow.alert_id).desc())
            .distinct(col(AlertRow.fingerprint)),
        )
        return {alert.fingerprint: alert for alert in (_alert(body, told=told) for body, told in found)}

    async def open_of(self, *, rule_id: str = "", subject: str = "", thing_prefix: str = "") -> list[Alert]:
        conditions: list[ColumnElement[bool]] = [col(AlertRow.resolved_at).is_(None)]
        if rule_id:
            conditions.append(col(AlertRow.rule_id) == rule_id)
        if subject:
            conditions.append(col(AlertRow.subject) == subject)
        if thing_prefix:
            conditions.append(col(AlertRow.thing).startswith(thing_prefix, autoescape=True))
        return await self._alerts(*conditions)

    async def by_id(self, alert_id: str) -> Alert | None:
        return next(iter(await self._alerts(col(AlertRow.alert_id) == alert_id)), None)

    async def due(self, now: datetime) -> list[Alert]:
        pending = and_(col(AlertRow.state) == AlertState.PENDING.value, col(AlertRow.pending_until) <= now)
        untold = and_(col(AlertRow.state) == AlertState.FIRING.value, col(AlertRow.told).is_(False))
        return await self._alerts(col(AlertRow.resolved_at).is_(None), or_(pending, untold))

    async def unheard_since(self, moment: datetime) -> list[Alert]:
        return await self._alerts(
            col(AlertRow.resolved_at).is_(None),
            col(AlertRow.subject) == RuleSubject.SAMPLE.value,
            col(AlertRow.state) != AlertState.NO_DATA.value,
            col(AlertRow.heard_at) < moment,
        )

    async def heard(self, fingerprints: Iterable[str]) -> None:
        names = sorted(set(fingerprints))
        if names:
            await self._session.execute(
                update(AlertRow)
                .where(col(AlertRow.fingerprint).in_(names), col(AlertRow.resolved_at).is_(None))
                .values(heard_at=func.clock_timestamp()),
            )

    async def save(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            columns = {
                "fingerprint": alert.fingerprint,
                "rule_id": alert.rule_id,
                "subject": alert.subject,
                "thing": alert.thing,
                "state": alert.state.value,
                "told": alert.told,
                "opened_at": alert.opened_at,
                "changed_at": alert.changed_at,
                "fired_at": alert.fired_at,
                "pending_until": alert.pending_until,
                "resolved_at": alert.resolved_at,
                "body": _ALERT.dump_python(alert, mode="json"),
            }
            statement = insert(AlertRow).values(alert_id=alert.alert_id, **columns)
            await self._session.execute(statement.on_conflict_do_update(index_elements=["alert_id"], set_=columns))
            self._transaction.publish(ALERTS_EVENTS, alert.as_event(), key=alert.alert_id)

    async def mark_told(self, alert_ids: Iterable[str]) -> None:
        ids = sorted(set(alert_ids))
        if ids:
            await self._session.execute(update(AlertRow).where(col(AlertRow.alert_id).in_(ids)).values(told=True))

    async def _alerts(self, *conditions: ColumnElement[bool]) -> list[Alert]:
        found = await self._session.execute(
            select(col(AlertRow.body), col(AlertRow.told)).where(*conditions).order_by(col(AlertRow.alert_id))
        )
        return [_alert(body, told=told) for body, told in found]


def _alert(body: object, *, told: bool) -> Alert:
    """Return the alert of a row. Whether people were told stands in its own column, which is written later than the body."""
    return _ALERT.validate_python({**body, "told": told} if isinstance(body, dict) else body)
