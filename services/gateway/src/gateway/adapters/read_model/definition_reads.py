"""Reads of definitions, workflows, the audit and samples."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from gateway.adapters.definition_rows import TABLES, DefinitionRows, as_definition, as_version, as_workflow
from gateway.adapters.read_model.rows import Rows, cursor_of, keys_of
from gateway.adapters.tables import Workflow, WorkflowVersion
from gateway.application.answers.base import Page
from gateway.application.answers.definitions import AuditAnswer, SampleAnswer
from gateway.application.definitions import Definition, Kind, VersionRecord, WorkflowRecord


class DefinitionReads(Rows):
    """What people wrote."""

    async def definitions(self, kind: Kind) -> list[Definition]:
        table = TABLES[kind]
        async with self._database.session() as session:
            return [as_definition(kind, row) for row in (await session.execute(select(table).order_by(table.name))).scalars()]

    async def definition(self, kind: Kind, definition_id: str) -> Definition | None:
        async with self._database.session() as session:
            return await DefinitionRows(session).definition(kind, definition_id)

    async def workflows(self) -> list[tuple[WorkflowRecord, VersionRecord | None]]:
        query: Any = (
            select(Workflow, WorkflowVersion)
            .join(WorkflowVersion, (WorkflowVersion.workflow_id == Workflow.id) & (WorkflowVersion.version == Workflow.latest))  # type: ignore[arg-type]
            .where(Workflow.retired.is_(False))  # type: ignore[attr-defined]
            .order_by(Workflow.name)
        )
        async with self._database.session() as session:
            return [(as_workflow(workflow), as_version(version)) for workflow, version in await session.execute(query)]

    async def workflow_names(self, *, limit: int) -> list[str]:
        rows = await self._all("SELECT name FROM workflows WHERE NOT retired ORDER BY name LIMIT :limit", limit=limit)
        return [row["name"] for row in rows]

    async def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        async with self._database.session() as session:
            return await DefinitionRows(session).workflow(workflow_id)

    async def version(self, workflow_id: str, version: int) -> VersionRecord | None:
        async with self._database.session() as session:
            return await DefinitionRows(session).version(workflow_id, version)

    async def versions(self, workflow_id: str) -> list[VersionRecord]:
        async with self._database.session() as session:
            return await DefinitionRows(session).versions(workflow_id)

    async def versions_before(self, workflow_id: str, before: int | None, *, limit: int) -> list[VersionRecord]:
        async with self._database.session() as session:
            return await DefinitionRows(session).versions_before(workflow_id, before, limit)

    async def audit(self, *, subject_id: str | None, after: str | None, limit: int) -> Page[AuditAnswer]:
        before = keys_of(after, int)[0] if after else None
        rows = await self._all(
            """
            SELECT id, at, who, action, kind, subject_id, subject, before, after, reason, request_id FROM audit
            WHERE (cast(:subject AS text) IS NULL OR subject_id = :subject) AND (cast(:before AS bigint) IS NULL OR id < :before)
            ORDER BY id DESC LIMIT :limit
            """,
            subject=subject_id,
            before=before,
            limit=limit + 1,
        )
        items = tuple(AuditAnswer.model_validate(dict(row)) for row in rows[:limit])
        return Page(items=items, next=cursor_of(items[-1].id) if len(rows) > limit else None)

    async def samples(self, *, name: str | None, source: str | None, limit: int) -> list[SampleAnswer]:
        rows = await self._all(
            """
            SELECT source, name, labels, value, at FROM samples_latest
            WHERE (cast(:name AS text) IS NULL OR name = :name) AND (cast(:source AS text) IS NULL OR source = :source)
            ORDER BY source, name, series LIMIT :limit
            """,
            name=name,
            source=source,
            limit=limit,
        )
        return [SampleAnswer.model_validate(dict(row)) for row in rows]

    async def sample_history(self, name: str, source: str, *, limit: int) -> list[tuple[datetime, float]]:
        rows = await self._all(
            """
            SELECT s.at, s.value FROM samples s JOIN samples_latest l ON l.series = s.series
            WHERE l.name = :name AND l.source = :source ORDER BY s.at DESC LIMIT :limit
            """,
            name=name,
            source=source,
            limit=limit,
        )
        return [(row["at"], row["value"]) for row in reversed(rows)]
