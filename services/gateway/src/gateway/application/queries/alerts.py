"""Pages of alerts, rules and channels."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.application.answers.alerts import AlertAnswer, NotificationAnswer
from gateway.application.definitions import Definition, Kind
from gateway.application.queries.base import Queries
from gateway.application.queries.overview import incident_card
from gateway.application.queries.words import SEVERITY_TONES, chips, path, took, with_query
from gateway.application.views.alerts import (
    AlertRow,
    ChannelRow,
    ChannelsPage,
    HappenedRow,
    IncidentPage,
    IncidentsPage,
    NotificationRow,
    RulePage,
    RuleRow,
    RulesPage,
)
from gateway.application.views.parts import Action, Fact, Seen, StateView, Tone, state_view
from gateway.application.views.shell import Person

PER_PAGE = 50
_SUBJECTS = {
    "cluster": "each cluster",
    "dag_run": "each DAG run",
    "workflow_run": "each run of a workflow",
    "sample": "each series of samples",
}
_SENT = {
    "sent": StateView(tone="ok", word="Sent"),
    "waiting": StateView(tone="waiting", word="Waiting"),
    "failed": StateView(tone="bad", word="Failed"),
}
_OPEN = (("open", "Open"), ("firing", "Not acknowledged"), ("acknowledged", "Acknowledged"), ("resolved", "Resolved"), ("all", "All"))


def alert_state(alert: AlertAnswer) -> StateView:
    """Return the state of an alert: open, looked after, or over."""
    if alert.resolved_at is not None or alert.state == "ok":
        return state_view("resolved")
    if alert.state in ("unknown", "no_data"):
        return state_view(alert.state)
    return state_view("acknowledged") if alert.acknowledged_by else state_view(alert.state)


def _alert_row(alert: AlertAnswer) -> AlertRow:
    return AlertRow(
        name=alert.rule,
        subject=alert.where,
        url=alert.url or path("alerts", alert.id),
        state=alert_state(alert),
        evidence=alert.evidence,
        since=alert.since,
        until=alert.resolved_at,
    )


def _sentence(rule: Definition) -> str:
    body = rule.body
    hold = f" for {took(body['hold'])}" if body.get("hold") else ""
    return f"Watches {_SUBJECTS.get(body['subject'], body['subject'])}; fires while {body['expression']}{hold}."


class AlertQueries(Queries):
    """The alerts' pages."""

    async def incidents(self, person: Person, asked: Mapping[str, str]) -> IncidentsPage:  # noqa: ARG002
        state = asked.get("state", "open")
        state = state if state in dict(_OPEN) else "open"
        page = await self._reads.alerts(state=state, after=asked.get("after") or None, limit=PER_PAGE)
        counts = await self._reads.alert_counts()
        rules = await self._reads.definitions(Kind.RULE)
        alerter = self._service("alerter")
        return IncidentsPage(
            incidents=tuple(incident_card(alert) for alert in page.items),
            chips=tuple(
                chip.model_copy(update={"url": with_query("/alerts/", state="" if value == "open" else value)})
                for chip, (value, _) in zip(chips("/alerts/", ((v, label, counts.get(v)) for v, label in _OPEN), state), _OPEN, strict=True)
            ),
            next_url=with_query("/alerts/", state=state, after=page.next) if page.next else "",
            rules=len(rules),
            seen=Seen(at=alerter.answered_at if alerter else None, stale=not (alerter and alerter.up), source="alerter"),
            trouble=self._away("alerter", "No rule is evaluated and nobody is told."),
        )

    async def incident(self, person: Person, incident_id: str) -> IncidentPage | None:  # noqa: ARG002
        alert = await self._reads.alert(incident_id)
        if alert is None:
            return None
        channels = {item.id: item for item in await self._reads.definitions(Kind.CHANNEL)}
        card = incident_card(alert)
        over = alert.resolved_at is not None
        return IncidentPage(
            id=alert.id,
            what=alert.title,
            where=alert.where,
            state=alert_state(alert),
            severity=alert.severity,
            since=alert.since,
            until=alert.resolved_at,
            evidence=alert.evidence,
            alerts=(_alert_row(alert),),
            story=_story(alert),
            notifications=tuple(_notification(item, channels) for item in alert.notifications),
            actions=tuple(action for action in card.actions if not (over and action.label == "Acknowledge")),
            facts=_alert_facts(alert),
        )

    async def rules(self, person: Person) -> RulesPage:  # noqa: ARG002
        firing = await self._reads.open_by_rule()
        channels = {item.id: item.name for item in await self._reads.definitions(Kind.CHANNEL)}
        rules = await self._reads.definitions(Kind.RULE)
        return RulesPage(rows=tuple(self._rule_row(rule, firing.get(rule.id, 0), channels) for rule in rules))

    def _rule_row(self, rule: Definition, firing: int, channels: Mapping[str, str]) -> RuleRow:
        state, seen = self._rule_state(rule, firing)
        return RuleRow(
            id=rule.id,
            name=rule.name,
            url=path("alerts", "rules", rule.id),
            sentence=_sentence(rule),
            severity=rule.body["severity"],
            state=state,
            firing=firing,
            seen=seen,
            channels=tuple(channels.get(item, "a channel that was deleted") for item in rule.body.get("channels", ())),
            enabled=rule.body.get("enabled", True),
        )

    def _rule_state(self, rule: Definition, firing: int) -> tuple[StateView, Seen]:
        alerter = self._service("alerter")
        away = alerter is None or alerter.up is not True
        seen = Seen(at=alerter.answered_at if alerter else None, stale=away, source="alerter")
        if not rule.body.get("enabled", True):
            return StateView(tone="skipped", word="Off"), seen
        if firing:
            return state_view("firing"), seen
        return (state_view(None) if away else state_view("ok")), seen

    async def rule(self, person: Person, rule_id: str) -> RulePage | None:  # noqa: ARG002
        rule = await self._reads.definition(Kind.RULE, rule_id)
        if rule is None:
            return None
        firing = (await self._reads.open_by_rule()).get(rule_id, 0)
        channels = {item.id: item.name for item in await self._reads.definitions(Kind.CHANNEL)}
        state, seen = self._rule_state(rule, firing)
        names = ", ".join(channels.get(item, "a channel that was deleted") for item in rule.body.get("channels", ())) or "nobody"
        url = path("alerts", "rules", rule_id)
        return RulePage(
            id=rule_id,
            name=rule.name,
            sentence=_sentence(rule),
            severity=rule.body["severity"],
            state=state,
            seen=seen,
            expression=rule.body["expression"],
            facts=(
                Fact(label="Tells", value=names),
                Fact(label="Title", value=rule.body.get("summary") or rule.name),
                Fact(label="Changed", value=f"{rule.updated_at:%Y-%m-%d %H:%M UTC} by {rule.updated_by}"),
            ),
            alerts=tuple(_alert_row(alert) for alert in await self._reads.rule_alerts(rule_id, limit=50)),
            actions=(
                Action(label="Edit", url=f"{url}edit/", method="get", look="primary"),
                Action(label="Delete", url=f"{url}delete/", method="get", look="danger"),
            ),
        )

    async def channels(self, person: Person) -> ChannelsPage:  # noqa: ARG002
        last = await self._reads.last_notifications()
        return ChannelsPage(rows=tuple(_channel(item, last.get(item.id)) for item in await self._reads.definitions(Kind.CHANNEL)))


def _channel(channel: Definition, last: NotificationAnswer | None) -> ChannelRow:
    options = channel.body["options"]
    target = str(options.get("channel") or ", ".join(options.get("recipients", ())) or options.get("host", ""))
    state = _SENT.get(last.status, state_view(None)) if last else StateView(tone="unknown", word="Not used yet")
    if not channel.body.get("enabled", True):
        state = StateView(tone="skipped", word="Off")
    return ChannelRow(
        id=channel.id,
        name=channel.name,
        url=path("alerts", "channels", channel.id),
        kind=channel.body["kind"],
        target=target,
        state=state,
        seen=Seen(at=last.at if last else None, source="alerter"),
        problem=last.reason if last and last.status != "sent" else "",
    )


def _story(alert: AlertAnswer) -> tuple[HappenedRow, ...]:
    lines: list[tuple[datetime, Tone, str]] = []
    by: str | None = None
    before = ""
    for item in alert.story:
        at = datetime.fromisoformat(str(item["at"]))
        state = str(item.get("state", ""))
        if state != before:
            tone: Tone = SEVERITY_TONES.get(alert.severity, "retry") if state == "firing" else state_view(state).tone
            lines.append((at, tone, f"{state_view(state).word}: {item['evidence']}" if item.get("evidence") else state_view(state).word))
        if item.get("acknowledged_by") and item["acknowledged_by"] != by:
            by = item["acknowledged_by"]
            lines.append((alert.acknowledged_at or at, "run", f"{by} looks after it"))
        before = state
    for told in alert.notifications:
        word = {"sent": "was told", "failed": "could not be told", "waiting": "will be told"}[told.status]
        lines.append(
            (told.at, _SENT[told.status].tone, f"{told.channel or 'A channel'} {word}" + (f": {told.reason}" if told.reason else ""))
        )
    return tuple(HappenedRow(at=at, tone=tone, text=text) for at, tone, text in sorted(lines, key=lambda line: line[0]))


def _notification(item: NotificationAnswer, channels: Mapping[str, Definition]) -> NotificationRow:
    channel = channels.get(item.channel_id)
    problem = item.reason + (" (possible duplicate)" if item.possible_duplicate else "")
    return NotificationRow(
        channel=item.channel or (channel.name if channel else item.channel_id),
        kind=channel.body["kind"] if channel else "",
        state=_SENT.get(item.status, state_view(None)),
        at=item.at,
        receipt=item.receipt,
        problem=problem.strip(),
    )


def _alert_facts(alert: AlertAnswer) -> tuple[Fact, ...]:
    facts: list[Any] = [
        Fact(label="Rule", value=alert.rule, url=path("alerts", "rules", alert.rule_id)),
        Fact(label="Severity", value=alert.severity),
    ]
    facts += [Fact(label=key, value=value, mono=True) for key, value in sorted(alert.labels.items())]
    return tuple(facts)
