"""Writes alerts, notifications and samples."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.ledger import write_changes
from gateway.adapters.tables import Alert, Notification, Sample, SampleLatest
from shared.contracts.alerts import AlertChanged, AlertEvent, NotificationChanged
from shared.contracts.metrics import MetricSamples

MOST_STORY = 200
"""Lines of an alert's story that are kept: the newest."""


async def write_alert_events(session: AsyncSession, events: Sequence[AlertEvent]) -> None:
    """Take in what became of alerts and of messages to people; what is older than what stands changes nothing."""
    changes: list[tuple[str, str]] = []
    for event in events:
        if isinstance(event, AlertChanged):
            changes += await _alert(session, event)
        else:
            changes += await _notification(session, event)
    await session.flush()
    await write_changes(session, changes)


async def _alert(session: AsyncSession, event: AlertChanged) -> list[tuple[str, str]]:
    body = event.model_dump(mode="json")
    row = await session.get(Alert, event.alert_id, with_for_update=True)
    if row is not None and row.at > event.at:
        return []
    line = {"at": body["at"], "state": body["state"], "evidence": body["evidence"], "acknowledged_by": event.acknowledged_by}
    columns: dict[str, Any] = {
        "rule_id": event.rule_id,
        "rule": event.rule,
        "severity": event.severity.value,
        "state": event.state.value,
        "since": event.since,
        "at": event.at,
        "resolved_at": event.resolved_at,
        "acknowledged_at": event.acknowledged_at,
        "acknowledged_by": event.acknowledged_by,
        "body": body,
    }
    if row is None:
        session.add(Alert(alert_id=event.alert_id, story=[line], **columns))
    else:
        last = row.story[-1] if row.story else {}
        same = last.get("state") == line["state"] and last.get("acknowledged_by") == line["acknowledged_by"]
        story = [*row.story[:-1], {**line, "at": last["at"]}] if same else [*row.story, line]
        for name, value in columns.items():
            setattr(row, name, value)
        row.story = story[-MOST_STORY:]
    return [("incident", event.alert_id), ("rule", event.rule_id)]


async def _notification(session: AsyncSession, event: NotificationChanged) -> list[tuple[str, str]]:
    row = await session.get(Notification, event.notification_id, with_for_update=True)
    if row is not None and row.at > event.at:
        return []
    if row is None:
        row = Notification(notification_id=event.notification_id, channel_id=event.channel_id, status=event.status, at=event.at, body={})
        session.add(row)
    row.alert_id, row.request_id, row.channel_id = event.alert_id, event.request_id, event.channel_id
    row.status, row.at, row.body = event.status, event.at, event.model_dump(mode="json")
    changes = [("channel", event.channel_id)]
    if event.alert_id:
        changes.append(("incident", event.alert_id))
    return changes


async def write_samples(session: AsyncSession, received: Sequence[tuple[MetricSamples, datetime]]) -> None:
    """Keep the newest value of each series and a short history. A sample without a time has that of its message."""
    latest: dict[str, dict[str, Any]] = {}
    history: list[dict[str, Any]] = []
    for message, came in received:
        for sample in message.samples:
            at = sample.at or came
            series = json.dumps([message.source, sample.name, sorted(sample.labels.items())], ensure_ascii=False)
            history.append({"series": series, "value": sample.value, "at": at})
            if series not in latest or latest[series]["at"] <= at:
                latest[series] = {
                    "series": series,
                    "source": message.source,
                    "name": sample.name,
                    "labels": sample.labels,
                    "value": sample.value,
                    "at": at,
                }
    if not latest:
        return
    statement = insert(SampleLatest)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["series"], set_={"value": new.value, "at": new.at}, where=SampleLatest.at <= new.at
    )
    await session.execute(statement, list(latest.values()))
    await session.execute(insert(Sample), history)


async def forget_old(session: AsyncSession) -> None:
    """Drop what is past its time: samples, live changes, remembered answers, runs' events of long ago."""
    for statement in (
        "DELETE FROM samples WHERE at < clock_timestamp() - interval '24 hours'",
        "DELETE FROM live_changes WHERE at < clock_timestamp() - interval '1 hour'",
        "DELETE FROM idempotency_keys WHERE at < clock_timestamp() - interval '24 hours'",
        "DELETE FROM cluster_commands WHERE asked_at < clock_timestamp() - interval '30 days'",
    ):
        await session.execute(text(statement))
