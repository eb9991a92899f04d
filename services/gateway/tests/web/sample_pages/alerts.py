"""Incidents, rules and channels."""

from gateway.application.views.alerts import (
    AlertRow,
    ChannelFormPage,
    ChannelRow,
    ChannelsPage,
    HappenedRow,
    IncidentPage,
    IncidentsPage,
    NotificationRow,
    RuleFormPage,
    RulePage,
    RuleRow,
    RulesPage,
)
from gateway.application.views.endpoints import ConfigField
from gateway.application.views.parts import Action, Choice, Fact, FieldProblem, FilterChip
from sample_pages.frame import AWAY, NEVER, ago, seen, state
from sample_pages.overview import INCIDENTS

CHIPS = tuple(
    FilterChip(label=label, url=f"/alerts/?state={label.lower()}", count=count, active=label == "Open")
    for label, count in (("Open", 3), ("Acknowledged", 1), ("Resolved", 42), ("All", 46))
)
ALERT = AlertRow(
    name="A run of a DAG failed",
    subject="orders_hourly on eu-prod",
    url="/dags/eu-prod/orders_hourly/",
    state=state("firing"),
    evidence="2 of 2 tries of load_orders failed",
    since=ago(840),
)


def incidents() -> IncidentsPage:
    return IncidentsPage(incidents=INCIDENTS, chips=CHIPS, rules=9, seen=seen(2), next_url="/alerts/?after=x")


def none_open() -> IncidentsPage:
    return IncidentsPage(incidents=(), chips=CHIPS, rules=9, trouble=AWAY)


def no_rules() -> IncidentsPage:
    return IncidentsPage(incidents=(), chips=CHIPS, rules=0)


def incident() -> IncidentPage:
    return IncidentPage(
        id="i1",
        what="orders_hourly failed twice in a row",
        where="eu-prod · task load_orders",
        state=state("firing"),
        severity="critical",
        since=ago(840),
        until=None,
        evidence="1 firing",
        alerts=(ALERT,),
        story=(
            HappenedRow(at=ago(840), tone="bad", text="Fired: the run of 12:00 failed"),
            HappenedRow(at=ago(838), tone="ok", text="Slack took the message"),
            HappenedRow(at=ago(120), tone="retry", text="Mail is tried again: 421 from the server"),
        ),
        notifications=(
            NotificationRow(
                channel="Data on-call",
                kind="slack",
                state=state("confirmed"),
                at=ago(838),
                receipt="C042/1763814000.000200",
            ),
            NotificationRow(
                channel="Ledger team",
                kind="email",
                state=state("retrying"),
                at=ago(120),
                problem="421 4.7.0 try again later; next try in 40 s",
            ),
        ),
        actions=(
            Action(label="Acknowledge", url="/alerts/i1/acknowledge/", look="primary", icon="acknowledge"),
            Action(label="Open run", url="/dags/eu-prod/orders_hourly/", method="get"),
        ),
        facts=(Fact(label="Rule", value="A run of a DAG failed", url="/alerts/rules/r1/"),),
    )


def resolved() -> IncidentPage:
    return incident().model_copy(update={"state": state("resolved"), "until": ago(60), "notifications": (), "actions": (), "facts": ()})


def rules() -> RulesPage:
    rows = (
        ("A run of a DAG failed", 'state == "failed"', "warning", "firing", 2),
        ("No heartbeat of the scheduler", "scheduler.heartbeat_age > 30.0", "critical", "ok", 0),
        ("A workflow failed", 'status == "failed"', "warning", "no_data", 0),
    )
    return RulesPage(
        rows=tuple(
            RuleRow(
                id=f"r{place}",
                name=name,
                url=f"/alerts/rules/r{place}/",
                sentence=text,
                severity=severity,
                state=state(word),
                firing=firing,
                seen=seen(2) if place < 2 else NEVER,
                channels=("Data on-call",) if place < 2 else (),
                enabled=place != 2,
            )
            for place, (name, text, severity, word, firing) in enumerate(rows)
        )
    )


def rule() -> RulePage:
    return RulePage(
        id="r1",
        name="A run of a DAG failed",
        sentence="Tells Data on-call at once when a run of any DAG fails.",
        severity="warning",
        state=state("firing"),
        seen=seen(2),
        expression='state == "failed"',
        facts=(
            Fact(label="Watches", value="DAG runs"),
            Fact(label="For", value="0 s"),
            Fact(label="Tells", value="Data on-call", url="/alerts/channels/"),
        ),
        alerts=(ALERT,),
        actions=(
            Action(label="Edit", url="/alerts/rules/r1/edit/", method="get", icon="edit"),
            Action(label="Delete", url="/alerts/rules/r1/delete/", method="get", look="danger", icon="delete"),
        ),
    )


def rule_form() -> RuleFormPage:
    return RuleFormPage(
        subjects=(
            Choice(value="dag_run", label="DAG runs"),
            Choice(value="cluster", label="Clusters"),
            Choice(value="run", label="Workflow runs"),
        ),
        expression='stat == "failed"',
        channels=(Choice(value="c1", label="Data on-call (Slack)"), Choice(value="c2", label="Ledger team (mail)")),
        chosen=("c1",),
        examples=(
            Fact(label="A run failed", value='state == "failed"'),
            Fact(label="A run takes too long", value='state == "running" && duration > 2700.0'),
        ),
        problems=(FieldProblem(field="expression", message="“stat” is not known at column 1.", hint="Did you mean state?"),),
    )


def rule_form_without_channels() -> RuleFormPage:
    return rule_form().model_copy(update={"id": "r1", "name": "A run failed", "channels": (), "chosen": (), "problems": ()})


def channels() -> ChannelsPage:
    return ChannelsPage(
        rows=(
            ChannelRow(
                id="c1",
                name="Data on-call",
                url="/alerts/channels/c1/edit/",
                kind="slack",
                target="#data-oncall",
                state=state("ok"),
                seen=seen(838),
            ),
            ChannelRow(
                id="c2",
                name="Ledger team",
                url="/alerts/channels/c2/edit/",
                kind="email",
                target="ledger@example.com",
                state=state("retrying"),
                seen=seen(120),
                problem="421 from the server; next try in 40 s",
            ),
        )
    )


def channel_form() -> ChannelFormPage:
    return ChannelFormPage(
        kind="slack",
        kinds=(Choice(value="slack", label="Slack"), Choice(value="email", label="Email")),
        fields=(
            ConfigField(name="token", label="Bot token", secret=True, required=True, help="Begins with xoxb-. Needs chat:write."),
            ConfigField(name="channel", label="Channel", required=True, placeholder="#data-oncall"),
        ),
    )
