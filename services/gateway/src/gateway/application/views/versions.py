"""Pages of a workflow's versions: the list, and two compared."""

from datetime import datetime

from gateway.application.views.diff import DiffLine
from gateway.application.views.parts import Action, Choice, StateView, View
from gateway.application.views.workflows import VersionRow


class VersionsPage(View):
    """All versions, newest first."""

    id: str
    name: str
    latest: int
    retired: bool
    rows: tuple[VersionRow, ...]
    choices: tuple[Choice, ...]
    before: str = ""
    after: str = ""
    next_url: str = ""
    previous_url: str = ""
    download_url: str = ""


class VersionSide(View):
    """One of the two."""

    version: int
    url: str
    at: datetime
    by: str
    note: str = ""


class ChangeRow(View):
    """One difference: a state for its look (added, removed, changed), and the sentence."""

    state: StateView
    sentence: str


class ChangeGroup(View):
    """Differences of one part of the workflow."""

    title: str
    rows: tuple[ChangeRow, ...]


class ComparePage(View):
    """Two versions side by side."""

    id: str
    name: str
    before: VersionSide
    after: VersionSide
    choices: tuple[Choice, ...]
    sentence: str
    groups: tuple[ChangeGroup, ...]
    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    cut: bool
    actions: tuple[Action, ...] = ()
