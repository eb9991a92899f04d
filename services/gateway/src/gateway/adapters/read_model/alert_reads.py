"""Reads of alerts and of the messages about them."""

from datetime import datetime

from gateway.adapters.read_model.rows import Row, Rows, cursor_of, keys_of
from gateway.application.answers.alerts import AlertAnswer, NotificationAnswer
from gateway.application.answers.base import Page

_OPEN = "resolved_at IS NULL AND state <> 'ok'"
_FILTERS = {
    "all": "true",
    "open": _OPEN,
    "firing": f"{_OPEN} AND acknowledged_at IS NULL",
    "acknowledged": f"{_OPEN} AND acknowledged_at IS NOT NULL",
    "resolved": f"NOT ({_OPEN})",
}


class AlertReads(Rows):
    """What the alerter told."""

    async def alerts(self, *, state: str, after: str | None, limit: int) -> Page[AlertAnswer]:
        at, alert_id = keys_of(after, datetime, str) if after else (None, None)
        rows = await self._all(
            f"""
            SELECT alert_id, body, story FROM alerts WHERE {_FILTERS.get(state, "false")}
              AND (cast(:at AS timestamptz) IS NULL OR (since, alert_id) < (:at, :alert))
            ORDER BY since DESC, alert_id DESC LIMIT :limit
            """,  # noqa: S608 - constants of this module; values are bound
            at=at,
            alert=alert_id,
            limit=limit + 1,
        )
        items = tuple(_alert(row) for row in rows[:limit])
        return Page(items=items, next=cursor_of(items[-1].since, items[-1].id) if len(rows) > limit else None)

    async def alert(self, alert_id: str) -> AlertAnswer | None:
        row = await self._one("SELECT alert_id, body, story FROM alerts WHERE alert_id = :id", id=alert_id)
        if row is None:
            return None
        told = await self._all("SELECT notification_id, body FROM notifications WHERE alert_id = :id ORDER BY at", id=alert_id)
        return _alert(row, tuple(_notification(item) for item in told))

    async def alert_counts(self) -> dict[str, int]:
        row = await self._one(
            f"""
            SELECT count(*) AS "all", count(*) FILTER (WHERE {_OPEN}) AS open,
                   count(*) FILTER (WHERE {_FILTERS["firing"]}) AS firing,
                   count(*) FILTER (WHERE {_FILTERS["acknowledged"]}) AS acknowledged,
                   count(*) FILTER (WHERE {_FILTERS["resolved"]}) AS resolved
            FROM alerts
            """  # noqa: S608 - constants of this module
        )
        return {} if row is None else {key: int(value) for key, value in row.items()}

    async def rule_alerts(self, rule_id: str, *, limit: int) -> list[AlertAnswer]:
        rows = await self._all(
            "SELECT alert_id, body, story FROM alerts WHERE rule_id = :rule ORDER BY since DESC LIMIT :limit", rule=rule_id, limit=limit
        )
        return [_alert(row) for row in rows]

    async def open_by_rule(self) -> dict[str, int]:
        rows = await self._all(f"SELECT rule_id, count(*) AS alerts FROM alerts WHERE {_OPEN} GROUP BY rule_id")  # noqa: S608
        return {row["rule_id"]: row["alerts"] for row in rows}

    async def last_notifications(self) -> dict[str, NotificationAnswer]:
        rows = await self._all(
            "SELECT DISTINCT ON (channel_id) channel_id, notification_id, body FROM notifications ORDER BY channel_id, at DESC"
        )
        return {row["channel_id"]: _notification(row) for row in rows}

    async def notification_of(self, request_id: str) -> NotificationAnswer | None:
        row = await self._one(
            "SELECT notification_id, body FROM notifications WHERE request_id = :id ORDER BY at DESC LIMIT 1", id=request_id
        )
        return None if row is None else _notification(row)


def _alert(row: Row, notifications: tuple[NotificationAnswer, ...] = ()) -> AlertAnswer:
    return AlertAnswer.model_validate({**row["body"], "id": row["alert_id"], "story": tuple(row["story"]), "notifications": notifications})


def _notification(row: Row) -> NotificationAnswer:
    return NotificationAnswer.model_validate({**row["body"], "id": row["notification_id"]})
