"""Pages of alerts: incidents, rules, channels."""

from datetime import datetime

from gateway.application.views.endpoints import ConfigField
from gateway.application.views.overview import IncidentCard
from gateway.application.views.parts import (
    Action,
    Choice,
    Fact,
    FieldProblem,
    FilterChip,
    Seen,
    StateView,
    Tone,
    Trouble,
    View,
)


class IncidentsPage(View):
    """Incidents, open ones first and worst first."""

    incidents: tuple[IncidentCard, ...]
    chips: tuple[FilterChip, ...]
    next_url: str = ""
    rules: int = 0
    seen: Seen = Seen()
    trouble: Trouble | None = None


class AlertRow(View):
    """One alert of an incident."""

    name: str
    subject: str
    url: str
    state: StateView
    evidence: str
    since: datetime
    until: datetime | None = None


class HappenedRow(View):
    """One line of an incident's story, oldest first."""

    at: datetime
    tone: Tone
    text: str


class NotificationRow(View):
    """A message to people, and what became of it."""

    channel: str
    kind: str
    state: StateView
    at: datetime | None
    receipt: str = ""
    problem: str = ""


class IncidentPage(View):
    """One incident: its alerts, its story, who was told."""

    id: str
    what: str
    where: str
    state: StateView
    severity: str
    since: datetime
    until: datetime | None
    evidence: str
    alerts: tuple[AlertRow, ...]
    story: tuple[HappenedRow, ...]
    notifications: tuple[NotificationRow, ...]
    actions: tuple[Action, ...]
    facts: tuple[Fact, ...] = ()


class RuleRow(View):
    """A rule in the list, with what it says now."""

    id: str
    name: str
    url: str
    sentence: str
    severity: str
    state: StateView
    firing: int
    seen: Seen
    channels: tuple[str, ...]
    enabled: bool = True


class RulesPage(View):
    """All rules."""

    rows: tuple[RuleRow, ...]
    chips: tuple[FilterChip, ...] = ()


class RuleFormPage(View):
    """Add or edit a rule."""

    id: str = ""
    name: str = ""
    subject: str = "dag_run"
    subjects: tuple[Choice, ...] = ()
    expression: str = ""
    hold: str = "0s"
    severity: str = "warning"
    severities: tuple[Choice, ...] = (
        Choice(value="critical", label="Critical"),
        Choice(value="warning", label="Warning"),
        Choice(value="info", label="Info"),
    )
    channels: tuple[Choice, ...] = ()
    chosen: tuple[str, ...] = ()
    summary: str = ""
    enabled: bool = True
    examples: tuple[Fact, ...] = ()
    etag: str = ""
    problems: tuple[FieldProblem, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether this adds a rule."""
        return not self.id


class RulePage(View):
    """One rule: what it watches and what it says now."""

    id: str
    name: str
    sentence: str
    severity: str
    state: StateView
    seen: Seen
    expression: str
    facts: tuple[Fact, ...]
    alerts: tuple[AlertRow, ...]
    actions: tuple[Action, ...]


class ChannelRow(View):
    """A way to reach people; its state is that of the last message through it."""

    id: str
    name: str
    url: str
    kind: str
    target: str
    state: StateView
    seen: Seen
    problem: str = ""


class ChannelsPage(View):
    """All channels."""

    rows: tuple[ChannelRow, ...]


class ChannelFormPage(View):
    """Add or edit a channel. The kind decides the fields."""

    id: str = ""
    name: str = ""
    kind: str = ""
    kinds: tuple[Choice, ...] = ()
    fields: tuple[ConfigField, ...] = ()
    etag: str = ""
    problems: tuple[FieldProblem, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether this adds a channel."""
        return not self.id
