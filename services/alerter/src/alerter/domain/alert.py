"""An alert: one rule about one thing. An incident is one episode of it, from the moment it leaves ok until it is ok again.

``advance`` is the whole state machine:

    (nothing) ── true ──> pending ── held long enough ──> firing ── false ──> ok (resolved)
        └── cannot be told ──> unknown / no_data ── true ──> pending or firing

A firing alert that can no longer be judged becomes ``unknown`` or ``no_data`` and stays the same incident: silence of the
thing is no recovery. ``fired_at`` tells whether people have ever been told of it.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerter.domain.rule import Judgement, Rule, Verdict
from shared.contracts.alerts import AlertChanged, AlertState, Severity

_NOT_TOLD = {Verdict.UNKNOWN: AlertState.UNKNOWN, Verdict.NO_DATA: AlertState.NO_DATA}
TEXT_LIMIT = 4000


def fingerprint(rule_id: str, thing_key: str) -> str:
    """Return the name of the pair (rule, thing): the same over all its incidents."""
    return hashlib.sha256(f"{rule_id}\x00{thing_key}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Alert:
    alert_id: str
    fingerprint: str
    rule_id: str
    rule: str
    subject: str
    thing: str
    severity: Severity
    state: AlertState
    since: datetime
    """Since when it is in this state."""
    opened_at: datetime
    changed_at: datetime
    title: str
    where: str = ""
    evidence: str = ""
    url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    pending_until: datetime | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    occurrences: int = 1
    """How many times the thing was found guilty in this incident, e.g. failed runs."""
    mark: Mapping[str, str] = field(default_factory=dict)
    """Which happening was judged last (see ``domain.happening``), so that old news changes nothing."""
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    told: bool = False
    """Whether notifications were made for it; False while a silence keeps it quiet."""

    @property
    def open(self) -> bool:
        return self.resolved_at is None

    def as_event(self) -> AlertChanged:
        """Return the alert as ``alerts.events.v1`` tells it."""
        return AlertChanged(
            alert_id=self.alert_id,
            fingerprint=self.fingerprint,
            rule_id=self.rule_id,
            rule=self.rule[:100],
            severity=self.severity,
            state=self.state,
            since=self.since,
            at=self.changed_at,
            title=self.title[:TEXT_LIMIT],
            where=self.where[:TEXT_LIMIT],
            evidence=self.evidence[:TEXT_LIMIT],
            labels=dict(self.labels),
            url=self.url[:2000],
            acknowledged_by=self.acknowledged_by,
            acknowledged_at=self.acknowledged_at,
            resolved_at=self.resolved_at,
        )


def advance(current: Alert | None, rule: Rule, judgement: Judgement, now: datetime, new_id: Callable[[], str]) -> Alert | None:
    """Return the alert after a judgement, ``current`` itself when nothing changed, None when there is nothing to tell."""
    if judgement.verdict is Verdict.SAYS_NOTHING:
        return current
    if current is None or not current.open:
        if judgement.verdict is Verdict.FALSE:
            return current
        return _opened(rule, judgement, now, new_id())
    if judgement.verdict is Verdict.FALSE:
        return resolve(current, now, judgement.evidence, mark=judgement.mark)
    if judgement.verdict is Verdict.TRUE:
        return _guilty_again(current, rule, judgement, now)
    state = _NOT_TOLD[judgement.verdict]
    if current.state is state:
        return current
    return replace(current, state=state, since=now, changed_at=now, pending_until=None, evidence=judgement.evidence)


def _opened(rule: Rule, judgement: Judgement, now: datetime, alert_id: str) -> Alert:
    state, until, fired_at = _NOT_TOLD.get(judgement.verdict), None, None
    if state is None:
        state, until, fired_at = _held(rule, now)
    return Alert(
        alert_id=alert_id,
        fingerprint=fingerprint(rule.rule_id, judgement.thing.key),
        rule_id=rule.rule_id,
        rule=rule.name,
        subject=rule.subject.value,
        thing=judgement.thing.key,
        severity=rule.severity,
        state=state,
        since=now,
        opened_at=now,
        changed_at=now,
        title=judgement.title or rule.title(judgement.thing, judgement.values),
        where=judgement.thing.where,
        evidence=judgement.evidence,
        url=judgement.thing.url,
        labels={**rule.labels, **(judgement.thing.labels or {})},
        channels=rule.channels,
        pending_until=until,
        fired_at=fired_at,
        mark=judgement.mark,
    )


def _held(rule: Rule, now: datetime) -> tuple[AlertState, datetime | None, datetime | None]:
    if rule.hold > 0:
        return AlertState.PENDING, now + timedelta(seconds=rule.hold), None
    return AlertState.FIRING, None, now


def _guilty_again(current: Alert, rule: Rule, judgement: Judgement, now: datetime) -> Alert:
    again = judgement.mark != current.mark
    if current.state is AlertState.FIRING and not again:
        return current
    if current.state is AlertState.PENDING:
        due = promote(current, now)
        return due if due is not current or not again else replace(current, mark=judgement.mark, evidence=judgement.evidence)
    told = replace(
        current,
        changed_at=now,
        evidence=judgement.evidence,
        title=judgement.title or rule.title(judgement.thing, judgement.values),
        url=judgement.thing.url,
        mark=judgement.mark,
        occurrences=current.occurrences + (1 if again else 0),
    )
    if current.state is AlertState.FIRING:
        return told
    state, until, fired_at = (AlertState.FIRING, None, current.fired_at) if current.fired_at else _held(rule, now)
    return replace(told, state=state, since=now, pending_until=until, fired_at=fired_at)


def promote(current: Alert, now: datetime) -> Alert:
    """Return a pending alert as firing once it has been held long enough."""
    if current.state is not AlertState.PENDING or current.pending_until is None or now < current.pending_until:
        return current
    return replace(current, state=AlertState.FIRING, since=now, changed_at=now, pending_until=None, fired_at=now)


def resolve(current: Alert, now: datetime, evidence: str, *, mark: Mapping[str, str] | None = None) -> Alert:
    """Return the alert as ok. What was wrong stays readable in its title."""
    return replace(
        current,
        state=AlertState.OK,
        since=now,
        changed_at=now,
        pending_until=None,
        resolved_at=now,
        evidence=evidence,
        mark=current.mark if mark is None else mark,
    )


def went_silent(current: Alert, now: datetime, evidence: str) -> Alert:
    """Return an alert whose thing sends no samples any more: there are no data, which is no recovery."""
    if current.state is AlertState.NO_DATA:
        return current
    return replace(current, state=AlertState.NO_DATA, since=now, changed_at=now, pending_until=None, evidence=evidence)


def acknowledge(current: Alert, by: str, now: datetime) -> Alert:
    """Return the alert with the name of who took care of it; the first one stays."""
    if current.acknowledged_by is not None or not current.open:
        return current
    return replace(current, acknowledged_by=by, acknowledged_at=now, changed_at=now)
