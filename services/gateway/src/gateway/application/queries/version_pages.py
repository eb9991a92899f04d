"""Pages of a workflow's versions; pure."""

from collections.abc import Sequence

from gateway.application.answers.base import Page
from gateway.application.answers.versions import ChangeAnswer, ComparisonAnswer, DiffRow, VersionListed
from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.queries.versions import changes_of
from gateway.application.queries.words import path, plural, with_query
from gateway.application.views.diff import DiffLine, Theirs
from gateway.application.views.parts import Action, Choice, StateView, Tone
from gateway.application.views.versions import ChangeGroup, ChangeRow, ComparePage, VersionSide, VersionsPage
from gateway.application.views.workflows import VersionRow
from gateway.domain.text_diff import TextDiff

MOST_CHOICES = 100
_PARTS = {"workflow": "The workflow", "input": "Inputs", "component": "Components", "connection": "Connections", "trigger": "Triggers"}
_LOOKS: dict[str, tuple[Tone, str]] = {"added": ("ok", "Added"), "removed": ("bad", "Removed"), "changed": ("retry", "Changed")}


def version_rows(workflow: WorkflowRecord, records: Sequence[VersionRecord], *, shown: int) -> tuple[VersionRow, ...]:
    """Return rows of versions, newest first. Of the last record given, what it changed is not known, unless it is the first version."""
    listed = [
        VersionListed(
            workflow_id=record.workflow_id,
            version=record.version,
            published_at=record.published_at,
            published_by=record.published_by,
            note=record.note,
            changes=changes,
        )
        for record, changes in zip(records, changes_of(records), strict=True)
    ]
    return _rows(workflow, listed, shown)


def _rows(workflow: WorkflowRecord, listed: Sequence[VersionListed], shown: int) -> tuple[VersionRow, ...]:
    url = path("workflows", workflow.id)
    return tuple(
        VersionRow(
            version=item.version,
            url=with_query(url, version=str(item.version)),
            changed_at=item.published_at,
            changed_by=item.published_by,
            note=item.note,
            shown=item.version == shown,
            changes=item.changes,
            compare_url=compare_url(workflow.id, item.version - 1, item.version) if item.version > 1 else "",
            download_url=f"{url}versions/{item.version}/workflow.yaml",
            again=publish_again(workflow, item.version),
        )
        for item in listed
    )


def versions_page(workflow: WorkflowRecord, page: Page[VersionListed], *, first: bool) -> VersionsPage:
    """Return the list."""
    url = f"{path('workflows', workflow.id)}versions/"
    rows = _rows(workflow, page.items, workflow.latest)
    newest = rows[0].version if rows else workflow.latest
    return VersionsPage(
        id=workflow.id,
        name=workflow.name,
        latest=workflow.latest,
        retired=workflow.retired,
        rows=rows,
        choices=choices(workflow),
        before=str(max(newest - 1, 1)),
        after=str(newest),
        next_url=with_query(url, after=page.next) if page.next else "",
        previous_url="" if first else url,
        download_url=f"{path('workflows', workflow.id)}versions.jsonl",
    )


def compare_page(workflow: WorkflowRecord, old: VersionRecord, new: VersionRecord, found: ComparisonAnswer) -> ComparePage:
    """Return two versions side by side."""
    groups = [
        ChangeGroup(title=title, rows=tuple(_change(change) for change in found.changes if change.part == part))
        for part, title in _PARTS.items()
    ]
    earlier = min(old.version, new.version)
    again = publish_again(workflow, earlier)
    return ComparePage(
        id=workflow.id,
        name=workflow.name,
        before=_side(old),
        after=_side(new),
        choices=choices(workflow, old.version, new.version),
        sentence=_sentence(found),
        groups=tuple(group for group in groups if group.rows),
        lines=_lines(found.rows),
        added=found.added,
        removed=found.removed,
        cut=found.cut,
        actions=(
            Action(label="Swap sides", url=compare_url(workflow.id, new.version, old.version), method="get", icon="retry"),
            *((again,) if again is not None else ()),
        ),
    )


def choices(workflow: WorkflowRecord, *also: int) -> tuple[Choice, ...]:
    """Return the versions that a select offers: the newest ones, and those that are shown."""
    numbers = {*range(max(1, workflow.latest - MOST_CHOICES + 1), workflow.latest + 1), *also}
    return tuple(Choice(value=str(number), label=f"Version {number}") for number in sorted(numbers, reverse=True))


def publish_again(workflow: WorkflowRecord, version: int) -> Action | None:
    """Return the action that makes an older version the newest; None where that would change nothing."""
    if workflow.retired or version == workflow.latest:
        return None
    return Action(
        label=f"Publish version {version} again",
        url=f"{path('workflows', workflow.id)}versions/{version}/publish/",
        icon="history",
        fields={"etag": workflow.etag},
        confirm=f"Publish version {version} of {workflow.name} again?",
        consequence=f"Makes version {workflow.latest + 1} with the text of version {version}. Runs under way keep theirs.",
    )


def compare_url(workflow_id: str, before: int, after: int) -> str:
    """Return the address of a comparison."""
    return f"{path('workflows', workflow_id)}versions/{before}/compare/{after}/"


def _side(record: VersionRecord) -> VersionSide:
    url = with_query(path("workflows", record.workflow_id), version=str(record.version))
    return VersionSide(version=record.version, url=url, at=record.published_at, by=record.published_by, note=record.note)


def _change(change: ChangeAnswer) -> ChangeRow:
    tone, word = _LOOKS[change.what]
    return ChangeRow(state=StateView(tone=tone, word=word), sentence=change.sentence)


def _sentence(found: ComparisonAnswer) -> str:
    if found.before == found.after:
        return "This is the same version twice."
    if not found.added and not found.removed:
        return "Both texts are the same to the letter."
    lines = f"{plural(found.added, 'line')} more, {plural(found.removed, 'line')} less"
    if not found.changes:
        return f"Only comments, order or spaces differ: {lines}."
    return f"{plural(len(found.changes), 'difference')} in what runs: {lines} in the text."


def theirs(record: VersionRecord, found: TextDiff) -> Theirs:
    """Return a version that was published meanwhile beside a text."""
    lines = _lines([DiffRow.model_validate(vars(row)) for row in found.rows])
    return Theirs(version=record.version, by=record.published_by, at=record.published_at, lines=lines, cut=found.cut)


def _lines(rows: Sequence[DiffRow]) -> tuple[DiffLine, ...]:
    found, quiet = [], True
    for row in rows:
        differs = row.kind in ("added", "removed", "changed")
        found.append(DiffLine(**row.model_dump(), first=differs and quiet))
        quiet = not differs
    return tuple(found)
