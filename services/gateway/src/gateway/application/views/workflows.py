"""Pages of workflows: list, editor, detail."""

from datetime import datetime
from typing import Literal

from gateway.application.views.diff import Theirs
from gateway.application.views.endpoints import ConfigField
from gateway.application.views.flow import FlowGraph
from gateway.application.views.parts import Action, Choice, Fact, FieldProblem, FilterChip, HistoryBar, StateView, Tone, Trouble, View
from gateway.application.views.runs import RunRow
from gateway.application.views.triggers import TriggerView


class WorkflowRow(View):
    """A workflow in the list, with its way in one line: kinds in the order they are reached."""

    id: str
    name: str
    url: str
    description: str
    version: int
    kinds: tuple[str, ...]
    last: StateView | None
    last_at: datetime | None
    bars: tuple[HistoryBar, ...]
    changed_at: datetime
    changed_by: str
    run: Action | None = None


class WorkflowsPage(View):
    """All workflows."""

    rows: tuple[WorkflowRow, ...]
    chips: tuple[FilterChip, ...] = ()
    search: str = ""


class Diagnostic(View):
    """One finding about a workflow's YAML, as the editor underlines it. Lines and columns start at 1."""

    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


class Validation(View):
    """The answer to "validate as you type": findings, and the graph as far as it can be drawn."""

    diagnostics: tuple[Diagnostic, ...]
    graph: FlowGraph | None = None
    summary: str = ""

    @property
    def valid(self) -> bool:
        """Whether it can be saved."""
        return not any(item.severity == "error" for item in self.diagnostics)


class WorkflowEditorPage(View):
    """New or edit. ``yaml`` is kept to the letter, comments included."""

    id: str = ""
    name: str = ""
    yaml: str = ""
    version: int | None = None
    etag: str = ""
    note: str = ""
    """Why it is changed; it stands beside the version."""
    validation: Validation = Validation(diagnostics=())
    endpoints: tuple[str, ...] = ()
    problems: tuple[FieldProblem, ...] = ()
    theirs: Theirs | None = None
    """Said when somebody published a version meanwhile."""

    @property
    def is_new(self) -> bool:
        """Whether this makes a new workflow."""
        return not self.id


class VersionRow(View):
    """One version of a workflow: who published it, when, and what it changed, in words."""

    version: int
    url: str
    changed_at: datetime
    changed_by: str
    note: str = ""
    shown: bool = False
    changes: tuple[str, ...] = ()
    compare_url: str = ""
    """Against the version before; empty for the first."""
    download_url: str = ""
    again: Action | None = None


class Outcome(View):
    """Runs of one state; ``share`` is 0..1 of all that are counted."""

    state: StateView
    count: int
    share: float
    url: str


class OutcomesView(View):
    """How the runs of the last days went."""

    days: int
    sentence: str
    tone: Tone
    outcomes: tuple[Outcome, ...] = ()
    seconds_p50: float | None = None
    seconds_p95: float | None = None
    last_sentence: str = ""
    """The same of the newest runs, those that the bars show."""


class StartForm(View):
    """What somebody gives to start a run: the inputs that a version declares, or any JSON where it declares none."""

    id: str
    name: str
    version: int
    latest: int
    versions: tuple[Choice, ...] = ()
    fields: tuple[ConfigField, ...] = ()
    free: str = ""
    """Inputs as JSON, where the version declares none."""
    problems: tuple[FieldProblem, ...] = ()
    refused: str = ""
    """Why it can't be started at all."""

    @property
    def needed(self) -> int:
        """How many inputs must be given."""
        return sum(field.required for field in self.fields)


class StartPage(View):
    """The start form on a page of its own."""

    start: StartForm


class WorkflowPage(View):
    """One workflow: its graph, its YAML, its versions and its runs."""

    id: str
    name: str
    description: str
    version: int
    latest: int
    graph: FlowGraph
    yaml: str
    facts: tuple[Fact, ...]
    versions: tuple[VersionRow, ...]
    runs: tuple[RunRow, ...]
    bars: tuple[HistoryBar, ...]
    outcomes: OutcomesView
    start: StartForm | None = None
    triggers: tuple[TriggerView, ...] = ()
    """Those of the newest version, whichever is shown."""
    actions: tuple[Action, ...] = ()
    trouble_text: str = ""
    """Said when it cannot run as it is, e.g. an endpoint that it names was deleted."""
    trouble: Trouble | None = None
