"""Pages of workflows: list, editor, detail."""

from datetime import datetime
from typing import Literal

from gateway.application.views.flow import FlowGraph
from gateway.application.views.parts import Action, Fact, FieldProblem, FilterChip, HistoryBar, StateView, View
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
    validation: Validation = Validation(diagnostics=())
    endpoints: tuple[str, ...] = ()
    problems: tuple[FieldProblem, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether this makes a new workflow."""
        return not self.id


class VersionRow(View):
    """One version of a workflow."""

    version: int
    url: str
    changed_at: datetime
    changed_by: str
    note: str = ""
    shown: bool = False


class WorkflowPage(View):
    """One workflow: its graph, its YAML, its versions and its runs."""

    id: str
    name: str
    description: str
    version: int
    graph: FlowGraph
    yaml: str
    facts: tuple[Fact, ...]
    versions: tuple[VersionRow, ...]
    runs: tuple[RunRow, ...]
    bars: tuple[HistoryBar, ...]
    triggers: tuple[TriggerView, ...] = ()
    """Those of the newest version, whichever is shown."""
    actions: tuple[Action, ...] = ()
    trouble_text: str = ""
    """Said when it cannot run as it is, e.g. an endpoint that it names was deleted."""
