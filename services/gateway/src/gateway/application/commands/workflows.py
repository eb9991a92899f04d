"""Workflows: check, publish a version, delete. Versions never change."""

import json
from dataclasses import replace
from typing import Any

from gateway.application.definitions import Actor, Entry, VersionRecord, WorkflowRecord
from gateway.application.ports.work import Work, Works
from gateway.application.ports.yaml import YamlReader
from gateway.domain.problems import Conflict, InvalidDocument, Missing, Problem, Stale
from gateway.domain.workflow_changes import Change, compare_definitions
from gateway.domain.workflow_yaml import Reading, lost, refuse_hidden
from shared.contracts.topics import MAX_MESSAGE_BYTES, WORKFLOWS_REGISTRY
from shared.contracts.workflows import WorkflowDefinition, WorkflowPublished
from shared.runtime.clock import now
from shared.runtime.ids import new_id

MOST_AUDITED = 50
"""Differences that an audit line holds; the versions themselves hold them all."""
_LONGEST_VALUE = 2_000


class PublishWorkflows:
    """The use cases of workflows."""

    def __init__(self, works: Works, reader: YamlReader) -> None:
        self._works = works
        self._reader = reader

    async def write(self, definition: WorkflowDefinition, before: str = "") -> str:
        """Return the YAML of a definition, merged into the text ``before``; raise Invalid for what the YAML has no place for."""
        refuse_hidden(definition)
        return await self._reader.write(definition, before)

    async def check(self, text: str, given: WorkflowDefinition | None = None) -> Reading:
        """Read it against the endpoints that exist; nothing is changed. ``given``: what the text was written of, and must say."""
        async with self._works.begin() as work:
            endpoints = await work.endpoint_kinds()
            clusters = await work.cluster_names()
        reading = await self._reader.read(text, endpoints, clusters)
        problems = lost(given, reading.definition) if given is not None and reading.definition is not None else ()
        return replace(reading, definition=None, problems=problems) if problems else reading

    async def publish(
        self,
        actor: Actor,
        text: str,
        *,
        given: WorkflowDefinition | None = None,
        workflow_id: str | None = None,
        if_match: str | None = None,
        note: str = "",
    ) -> tuple[WorkflowRecord, VersionRecord]:
        """Publish the YAML as a new workflow or, with ``workflow_id``, as the next version of one. ``given``: as in ``check``.

        The same text again makes no new version.
        """
        definition = await self.accepted(text, given)
        async with self._works.begin() as work:
            return await self.enter(work, actor, text, definition, workflow_id=workflow_id, if_match=if_match, note=note)

    async def accepted(self, text: str, given: WorkflowDefinition | None = None) -> WorkflowDefinition:
        """Return the definition that the YAML is; raise InvalidDocument with everything that is wrong with it."""
        reading = await self.check(text, given)
        if reading.definition is None:
            raise InvalidDocument(reading.problems)
        return reading.definition

    async def enter(
        self,
        work: Work,
        actor: Actor,
        text: str,
        definition: WorkflowDefinition,
        *,
        workflow_id: str | None = None,
        if_match: str | None = None,
        note: str = "",
    ) -> tuple[WorkflowRecord, VersionRecord]:
        """Publish what was accepted, in a transaction that is open already."""
        before, latest = None, None
        if workflow_id is not None:
            before = await self._current(work, workflow_id, if_match)
        namesake = await work.workflow_named(definition.workflow, lock=True)
        if namesake is not None and (before is None or namesake.id != before.id):
            hint = "Choose another name, or publish this as its next version."
            raise InvalidDocument((Problem(1, 1, "workflow", f"There is a workflow '{definition.workflow}' already.", hint),))
        if before is not None:
            if before.name != definition.workflow:
                hint = f"Write 'workflow: {before.name}', or publish it as a new workflow."
                raise InvalidDocument((Problem(1, 1, "workflow", "The name of a workflow can't be changed: its runs go by it.", hint),))
            latest = await work.version(before.id, before.latest)
            if latest is not None and latest.yaml == text:
                return before, latest
        return await self._save(work, actor, text, definition, before, latest, note)

    async def again(
        self, actor: Actor, workflow_id: str, version: int, *, if_match: str | None = None, note: str = ""
    ) -> tuple[WorkflowRecord, VersionRecord]:
        """Publish an older version's text as the next version. It is checked against the endpoints that exist now."""
        async with self._works.begin() as work:
            current = await self._current(work, workflow_id, if_match)
            old = await work.version(workflow_id, version) if 1 <= version <= current.latest else None
        if old is None:
            raise Missing("version", f"{version} of {current.name}")
        return await self.publish(actor, old.yaml, workflow_id=workflow_id, if_match=if_match, note=note or f"version {version} again")

    async def _save(
        self,
        work: Work,
        actor: Actor,
        text: str,
        definition: WorkflowDefinition,
        before: WorkflowRecord | None,
        latest: VersionRecord | None,
        note: str,
    ) -> tuple[WorkflowRecord, VersionRecord]:
        at = now()
        if before is None:
            workflow = WorkflowRecord(new_id(), definition.workflow, definition.description, 1, False, at, at, actor.name)
        else:
            workflow = replace(before, description=definition.description, latest=before.latest + 1, updated_at=at, updated_by=actor.name)
        version = VersionRecord(workflow.id, workflow.latest, text, definition.model_dump(mode="json"), at, actor.name, note[:500])
        message = published(version, definition)
        if len(WORKFLOWS_REGISTRY.encode(message)) > MAX_MESSAGE_BYTES:
            hint = "Split the workflow, or shorten its comments."
            raise InvalidDocument((Problem(0, 0, "", "The workflow is too large to be sent to the executor.", hint),))
        await work.save_workflow(workflow, version)
        work.publish(WORKFLOWS_REGISTRY, message, key=f"{workflow.id}:{workflow.latest}")
        changes = () if latest is None else compare_definitions(latest.definition, version.definition)
        old, new = audited(changes)
        await work.audit(
            Entry(
                who=actor.name,
                action="workflow.published",
                kind="workflow",
                subject_id=workflow.id,
                subject=workflow.name,
                before=None if before is None else {"version": before.latest, **old},
                after={"version": workflow.latest, "note": version.note, **new},
                reason=actor.reason,
                request_id=actor.request_id,
            )
        )
        await work.changed("workflow", workflow.id)
        return workflow, version

    async def delete(self, actor: Actor, workflow_id: str, *, if_match: str | None = None) -> WorkflowRecord:
        """Retire it: runs in flight go on, no new one starts, and its runs can still be read."""
        async with self._works.begin() as work:
            before = await self._current(work, workflow_id, if_match)
            after = replace(before, retired=True, updated_at=now(), updated_by=actor.name)
            await work.save_workflow(after, None)
            for version in await work.versions(workflow_id):
                message = published(version, WorkflowDefinition.model_validate(version.definition), retired=True)
                work.publish(WORKFLOWS_REGISTRY, message, key=f"{workflow_id}:{version.version}")
            await work.audit(
                Entry(
                    who=actor.name,
                    action="workflow.deleted",
                    kind="workflow",
                    subject_id=workflow_id,
                    subject=before.name,
                    before={"version": before.latest, "retired": False},
                    after={"version": before.latest, "retired": True},
                    reason=actor.reason,
                    request_id=actor.request_id,
                )
            )
            await work.changed("workflow", workflow_id)
            return after

    async def _current(self, work: Work, workflow_id: str, if_match: str | None) -> WorkflowRecord:
        found = await work.workflow(workflow_id, lock=True)
        if found is None or found.retired:
            raise Missing("workflow", workflow_id)
        if if_match is not None and if_match != "*" and found.etag not in [tag.strip() for tag in if_match.split(",")]:
            raise Stale("workflow", expected=if_match, current=found.latest)
        return found


def audited(changes: tuple[Change, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the audit says of changes: each value before, and after."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for change in changes[:MOST_AUDITED]:
        key = " ".join(part for part in (change.part, change.name, change.field) if part)
        before[key], after[key] = _bounded(change.before), _bounded(change.after)
    if len(changes) > MOST_AUDITED:
        after["more changes"] = len(changes) - MOST_AUDITED
    return before, after


def _bounded(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def published(version: VersionRecord, definition: WorkflowDefinition, *, retired: bool = False) -> WorkflowPublished:
    """Return the version as the registry topic carries it."""
    return WorkflowPublished(
        workflow_id=version.workflow_id,
        version=version.version,
        definition=definition,
        yaml=version.yaml,
        published_by=version.published_by,
        published_at=version.published_at,
        retired=retired,
    )


def refuse_retired(workflow: WorkflowRecord) -> None:
    """Raise Conflict when no new run of it may start."""
    if workflow.retired:
        raise Conflict(f"The workflow '{workflow.name}' was deleted: no new run starts.")
