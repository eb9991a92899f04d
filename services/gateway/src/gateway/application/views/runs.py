"""Pages of workflow runs."""

from datetime import datetime

from gateway.application.views.dags import LogLine
from gateway.application.views.flow import FlowGraph
from gateway.application.views.parts import Action, Choice, Fact, FilterChip, Seen, StateView, Tone, Trouble, View


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
    key: str = ""
    """The business key."""
    components: tuple[Tone, ...] = ()
    """The tones of its components in order, drawn as a small strip."""
    may_retry: bool = False


class RunsPage(View):
    """Runs of all workflows, newest first."""

    rows: tuple[RunRow, ...]
    chips: tuple[FilterChip, ...]
    search: str = ""
    state: str = ""
    """The chosen states, with commas; empty = every state."""
    workflow: str = ""
    workflows: tuple[Choice, ...] = ()
    trigger: str = ""
    triggers: tuple[Choice, ...] = ()
    span: str = ""
    spans: tuple[Choice, ...] = ()
    since: str = ""
    until: str = ""
    filtered: bool = False
    total_text: str = ""
    note: str = ""
    """What the search leaves out, in words."""
    bulk_url: str = ""
    """Where all that failed of this selection can be retried; empty = nothing of it can."""
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
    why: str = ""


class TriedRow(View):
    """One try in the table of all: what was decided and why, what the other side said, where it ran, and how long it was held."""

    key: str
    component: str
    url: str
    number: int
    generation: int
    state: StateView
    at: datetime | None
    took_seconds: float | None
    code: str
    message: str
    answer: str
    decision: str
    why: str
    holds: tuple[str, ...]
    host: str


class WaitRow(View):
    """Something that the run waits for: what, why, until when, and what can be pressed."""

    key: str
    what: str
    why: str
    tone: Tone
    icon: str
    until: datetime | None = None
    actions: tuple[Action, ...] = ()


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
    """A stretch of a row, placed by shares (0..1) of the run's whole time; tone ``waiting`` = a pause, ``unknown`` = held by a limit."""

    offset: float
    width: float
    tone: Tone
    title: str


class GanttRow(View):
    """One component on the time line; ``said`` tells its stretches in words."""

    name: str
    url: str
    segments: tuple[GanttSegment, ...]
    took_seconds: float | None
    said: str = ""


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
    """Who asked what of this run, why, and how it was before and after."""

    at: datetime
    who: str
    what: str
    reason: str = ""
    before: str = ""
    after: str = ""
    tone: Tone = "run"


class LogSearch(View):
    """A search in all events of a run: the words, what is kept of the address, and where the next lines are."""

    words: str = ""
    events: int
    component: str = ""
    next_url: str = ""


class RunPage(View):
    """One run, live."""

    id: str
    workflow: str
    workflow_url: str
    version: int
    version_url: str = ""
    label: str
    state: StateView
    sentence: str
    """What matters now, in words."""
    refusal: str = ""
    """What was asked last and refused, with the reason; empty = nothing, or it is settled."""
    started: datetime | None
    ended: datetime | None
    deadline: datetime | None = None
    took_seconds: float | None
    by: str
    trace_id: str
    validation: str
    graph: FlowGraph
    panel: ComponentPanel | None
    waits: tuple[WaitRow, ...] = ()
    gantt: tuple[GanttRow, ...]
    axis: tuple[str, ...]
    """Labels of the time line's axis, left to right, at equal distances."""
    tried: tuple[TriedRow, ...] = ()
    moved: tuple[MovedRow, ...]
    spans: tuple[SpanRow, ...]
    inputs: str = ""
    yaml: str
    audit: tuple[AuditRow, ...]
    log: tuple[LogLine, ...]
    log_note: str = ""
    log_url: str = ""
    """Where all events can be had as a file."""
    log_search: LogSearch | None = None
    """None: the page shows every event, so its own search finds them all."""
    seen: Seen
    live: bool
    """Whether it still moves (so the log is followed and the time line has a "now")."""
    actions: tuple[Action, ...]
    trouble: Trouble | None = None
