"""Pages that change or compare runs: the retry menu, two runs side by side, and bulk retries."""

from datetime import datetime

from gateway.application.views.parts import Action, Choice, Fact, FieldProblem, FilterChip, StateView, Tone, Trouble, View
from gateway.application.views.runs import AuditRow


class PreviewPart(View):
    """A component that a retry concerns, and how it stands now."""

    name: str
    state: StateView
    note: str = ""


class RetryPage(View):
    """The retry menu of a run: what, in which version, with which inputs; and what that would do, before anybody presses."""

    id: str
    workflow: str
    run_url: str
    label: str
    state: StateView
    component: str
    components: tuple[Choice, ...]
    scope: str
    scopes: tuple[Choice, ...]
    until: str
    version: int
    own_version: int
    versions: tuple[Choice, ...]
    compare_url: str
    """Where the chosen version is shown beside the run's own; empty = it is the run's own."""
    again: tuple[PreviewPart, ...]
    stays: tuple[PreviewPart, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    refused: tuple[FieldProblem, ...]
    seq: int
    """Number of the run's last event that this page has seen; 0 = the run moves by itself, so it says little."""
    inputs: str
    inputs_note: str = ""
    """Why the inputs can't be edited here; empty = they can."""
    typed: str = ""
    """Inputs as somebody typed them before they were refused."""
    reason: str = ""
    problems: tuple[FieldProblem, ...] = ()


class ComparedFact(View):
    """One line of two runs beside each other."""

    label: str
    a: str
    b: str
    same: bool
    url_a: str = ""
    url_b: str = ""


class ComparedPart(View):
    """One component of two runs beside each other."""

    name: str
    state_a: StateView | None
    state_b: StateView | None
    took_a: float | None
    took_b: float | None
    attempts_a: int
    attempts_b: int
    outputs: tuple[ComparedFact, ...]
    same: bool


class ComparePage(View):
    """Two runs side by side. Without a second one the page asks for it."""

    a: str
    b: str
    sentence: str = ""
    facts: tuple[ComparedFact, ...] = ()
    inputs: tuple[ComparedFact, ...] = ()
    components: tuple[ComparedPart, ...] = ()
    others: tuple[Choice, ...] = ()
    problem: str = ""
    versions_url: str = ""


class BulkRow(View):
    """A bulk retry in the list."""

    id: str
    url: str
    what: str
    state: StateView
    done: int
    total: int
    counts: tuple[tuple[Tone, str, int], ...]
    by: str
    at: datetime


class BulksPage(View):
    """Bulk retries, newest first."""

    rows: tuple[BulkRow, ...]
    next_url: str = ""


class VersionStep(View):
    """What the chosen version changes for the runs that have another one, and where both stand beside each other."""

    title: str
    changes: tuple[str, ...]
    url: str


class BulkAddPage(View):
    """A bulk retry before it is asked: what it takes, what it leaves and why, and how long it lasts at this rate."""

    sentence: str
    total: int
    capped: bool
    by_workflow: tuple[Fact, ...]
    by_failure: tuple[Fact, ...]
    excluded: tuple[str, ...]
    sample: tuple[Fact, ...]
    fields: tuple[tuple[str, str], ...]
    """What is sent with the form, so that it means the same selection."""
    per_second: str
    version: str = ""
    versions: tuple[Choice, ...] = ()
    """Versions to choose from; none where the selection names no workflow."""
    differs: tuple[VersionStep, ...] = ()
    """What the chosen version changes, for each version that runs have now."""
    reason: str = ""
    back_url: str
    duration: str
    problems: tuple[FieldProblem, ...] = ()


class BulkItemRow(View):
    """What became of one run."""

    place: int
    run_url: str
    run: str
    workflow: str
    failure: str
    state: StateView
    reason: str
    at: datetime | None


class BulkPage(View):
    """One bulk retry, live."""

    id: str
    title: str
    state: StateView
    sentence: str
    fraction: float
    facts: tuple[Fact, ...]
    excluded: tuple[str, ...]
    chips: tuple[FilterChip, ...]
    items: tuple[BulkItemRow, ...]
    actions: tuple[Action, ...]
    audit: tuple[AuditRow, ...] = ()
    next_url: str = ""
    trouble: Trouble | None = None
