"""The version of the workflow that a bulk retry goes on with: it must be there, and it is told what it changes for the runs."""

from collections import Counter

from gateway.application.answers.bulk import BulkVersion
from gateway.application.definitions import VersionRecord
from gateway.application.ports.work import Candidate, Work
from gateway.domain.problems import FieldProblem, Invalid
from gateway.domain.workflow_changes import compare_definitions

MOST_VERSIONS = 10
"""Versions of the runs that are compared with the chosen one; those that most runs have."""
MOST_SENTENCES = 20
ANOTHER = "belong to another workflow than the chosen version"


async def chosen_version(work: Work, workflow: str, taken: list[Candidate], version: int) -> VersionRecord:
    """Return the version that is meant: of the named workflow, or of the one that all runs belong to.

    Raises Invalid, naming ``version``, when there is none with which a run could go on.
    """
    ids = {item.workflow_id for item in taken}
    if workflow:
        found = await work.workflow_named(workflow) or await work.workflow(workflow)
    else:
        found = await work.workflow(ids.pop()) if len(ids) == 1 else None
    if found is None:
        raise Invalid(FieldProblem("version", "A version belongs to one workflow.", "Name the workflow in the selection, too."))
    if found.retired:
        hint = "Leave it out: each run goes on with its own version."
        raise Invalid(FieldProblem("version", f"'{found.name}' was deleted, so no run goes on with another version of it.", hint))
    record = await work.version(found.id, version) if 1 <= version <= found.latest else None
    if record is None:
        hint = f"There are the versions 1 to {found.latest}." if found.latest > 1 else "There is version 1 only."
        raise Invalid(FieldProblem("version", f"'{found.name}' has no version {version}.", hint))
    return record


def of_version(record: VersionRecord, taken: list[Candidate], left: Counter[str]) -> list[Candidate]:
    """Return the runs of the version's workflow; the others are counted as left out."""
    kept = [item for item in taken if item.workflow_id == record.workflow_id]
    if len(kept) < len(taken):
        left[ANOTHER] += len(taken) - len(kept)
    return kept


async def changes_for(work: Work, record: VersionRecord, taken: list[Candidate]) -> tuple[BulkVersion, ...]:
    """Return what the chosen version changes, for each version that the runs have now, most runs first."""
    found = []
    for version, runs in Counter(item.version for item in taken).most_common(MOST_VERSIONS):
        old = None if version is None else await work.version(record.workflow_id, version)
        changes = () if old is None else compare_definitions(old.definition, record.definition)
        sentences = tuple(change.sentence for change in changes[:MOST_SENTENCES])
        found.append(BulkVersion(version=version, runs=runs, changes=sentences, more=len(changes) - len(sentences)))
    return tuple(found)
