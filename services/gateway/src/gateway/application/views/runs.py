"""Pages of workflow runs."""

from datetime import datetime

from gateway.application.views.dags import LogLine
from gateway.application.views.flow import FlowGraph
from gateway.application.views.parts import Action, Fact, FilterChip, Seen, StateView, Tone, Trouble, View


class RunRow(View):
    """A run in a list."""

    id: str
    url: str
    workflow: str
    workflow_url: str
    version: int
    state: StateView
    what: str
    """What happens or happened, in words: "OrderQueue retries in 12 s", "120,000 messages moved"."""
    started: datetime | None
    took_seconds: float | None
    by: str
    components: tuple[Tone, ...] = ()
    """The tones of its components in order, drawn as a small strip."""


class RunsPage(View):
    """Runs of all workflows, newest first."""

    rows: tuple[RunRow, ...]
    chips: tuple[FilterChip, ...]
    search: str = ""
    total: int | None = None
    next_url: str = ""
    previous_url: str = ""
    trouble: Trouble | None = None


class AttemptRow(View):
    """One try of a component."""

    number: int
    tone: Tone
    at: datetime
    took_seconds: float | None
    text: str


class ComponentPanel(View):
    """The selected component: what happened in words, what comes next, what can be pressed and what that does."""

    name: str
    kind: str
    state: StateView
    what: str
    hint: str
    next_attempt_at: datetime | None
    attempt: int | None
    attempts_allowed: int | None
    actions: tuple[Action, ...]
    consequence: str
    attempts: tuple[AttemptRow, ...]
    facts: tuple[Fact, ...]


class GanttSegment(View):
    """A stretch of a row, placed by shares (0..1) of the run's whole time; tone ``waiting`` = a pause."""

    offset: float
    width: float
    tone: Tone
    title: str


class GanttRow(View):
    """One component on the time line."""

    name: str
    url: str
    segments: tuple[GanttSegment, ...]
    took_seconds: float | None


class MovedRow(View):
    """What went over one connection. ``None`` is "not counted", which differs from 0."""

    connection: str
    kind: str
    state: StateView
    read: int | None
    confirmed: int | None
    skipped: int | None
    duplicates: int | None
    invalid: int | None
    bytes: int | None
    rate: float | None
    position: str = ""


class SpanRow(View):
    """One span of the run's trace, placed by shares (0..1) of the whole; ``depth`` indents it under its parent."""

    span_id: str
    name: str
    service: str
    depth: int
    offset: float
    width: float
    took_ms: float | None
    tone: Tone


class AuditRow(View):
    """Who asked what of this run."""

    at: datetime
    who: str
    what: str


class RunPage(View):
    """One run, live."""

    id: str
    workflow: str
    workflow_url: str
    version: int
    label: str
    state: StateView
    sentence: str
    """What matters now, in words."""
    started: datetime | None
    ended: datetime | None
    took_seconds: float | None
    by: str
    trace_id: str
    validation: str
    graph: FlowGraph
    panel: ComponentPanel | None
    gantt: tuple[GanttRow, ...]
    axis: tuple[str, ...]
    """Labels of the time line's axis, left to right, at equal distances."""
    moved: tuple[MovedRow, ...]
    spans: tuple[SpanRow, ...]
    yaml: str
    audit: tuple[AuditRow, ...]
    log: tuple[LogLine, ...]
    seen: Seen
    live: bool
    """Whether it still moves (so the log is followed)."""
    actions: tuple[Action, ...]
    trouble: Trouble | None = None
