"""Versions of a workflow: the list with what each changed, and two of them compared."""

from collections.abc import AsyncIterator, Sequence

from gateway.application.answers.base import Page
from gateway.application.answers.versions import ComparisonAnswer, VersionListed, comparison
from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.ports.read_model import ReadModel
from gateway.application.ports.yaml import YamlReader
from gateway.domain.problems import Missing
from gateway.domain.workflow_changes import compare_definitions

MOST_SENTENCES = 20
AT_ONCE = 20


class Versions:
    """Questions about versions. Raises Missing for what does not exist."""

    def __init__(self, reads: ReadModel, reader: YamlReader) -> None:
        self._reads = reads
        self._reader = reader

    async def workflow(self, workflow_id: str) -> WorkflowRecord:
        """Return the workflow, a deleted one too: its versions can still be read."""
        found = await self._reads.workflow(workflow_id)
        if found is None:
            raise Missing("workflow", workflow_id)
        return found

    async def one(self, workflow_id: str, version: int) -> VersionRecord:
        """Return a version."""
        workflow = await self.workflow(workflow_id)
        found = await self._reads.version(workflow_id, version) if 1 <= version <= workflow.latest else None
        if found is None:
            raise Missing("version", f"{version} of {workflow.name}")
        return found

    async def listed(self, workflow_id: str, *, before: int | None, limit: int) -> Page[VersionListed]:
        """Return versions, newest first, with what each changed against the one before it."""
        await self.workflow(workflow_id)
        records = await self._reads.versions_before(workflow_id, before, limit=limit + 1)
        items = tuple(
            VersionListed(
                workflow_id=record.workflow_id,
                version=record.version,
                published_at=record.published_at,
                published_by=record.published_by,
                note=record.note,
                changes=sentences,
            )
            for record, sentences in zip(records[:limit], changes_of(records), strict=False)
        )
        return Page(items=items, next=str(items[-1].version) if len(records) > limit else None)

    async def compare(self, workflow_id: str, before: int, after: int) -> ComparisonAnswer:
        """Compare two versions, in the order in which they are named."""
        old, new = await self.one(workflow_id, before), await self.one(workflow_id, after)
        lines = await self._reader.diff(old.yaml, new.yaml)
        return comparison(old, new, compare_definitions(old.definition, new.definition), lines)

    async def all(self, workflow_id: str) -> AsyncIterator[VersionRecord]:
        """Every version, newest first, a few at a time."""
        before: int | None = None
        while records := await self._reads.versions_before(workflow_id, before, limit=AT_ONCE):
            for record in records:
                yield record
            before = records[-1].version


def changes_of(records: Sequence[VersionRecord]) -> list[tuple[str, ...]]:
    """Return what each version changed against the next older one; of the oldest given nothing is known, unless it is the first."""
    found: list[tuple[str, ...]] = []
    for place, record in enumerate(records):
        older = records[place + 1] if place + 1 < len(records) else None
        changes = () if older is None else compare_definitions(older.definition, record.definition)
        found.append(tuple(change.sentence for change in changes[:MOST_SENTENCES]))
    return found
