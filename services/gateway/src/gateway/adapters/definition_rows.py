"""Definitions and workflows in their tables."""

import json
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.tables import Channel, Cluster, ClusterState, Dag, DagRun, DagSweep, Endpoint, Rule, Workflow, WorkflowVersion
from gateway.application.definitions import Definition, Kind, VersionRecord, WorkflowRecord

TABLES: dict[Kind, Any] = {Kind.CLUSTER: Cluster, Kind.ENDPOINT: Endpoint, Kind.RULE: Rule, Kind.CHANNEL: Channel}


def as_definition(kind: Kind, row: Any) -> Definition:
    """Return the definition that a row holds."""
    return Definition(
        kind, row.id, row.name, row.revision, row.body, row.sealed_secret, row.created_at, row.created_by, row.updated_at, row.updated_by
    )


def as_workflow(row: Any) -> WorkflowRecord:
    """Return the workflow that a row holds."""
    return WorkflowRecord(row.id, row.name, row.description, row.latest, row.retired, row.created_at, row.updated_at, row.updated_by)


def as_version(row: Any) -> VersionRecord:
    """Return the version that a row holds."""
    return VersionRecord(row.workflow_id, row.version, row.yaml, row.definition, row.published_at, row.published_by, row.note)


class DefinitionRows:
    """Reads and writes definitions inside the transaction of a session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def definition(self, kind: Kind, definition_id: str, *, lock: bool = False) -> Definition | None:
        table = TABLES[kind]
        query = select(table).where(table.id == definition_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
        return None if row is None else as_definition(kind, row)

    async def named(self, kind: Kind, name: str) -> Definition | None:
        """Return what has this name. One transaction at a time takes names, so of two at once the second is told."""
        await self._session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"gateway:names:{kind}"))))
        table = TABLES[kind]
        row = (await self._session.execute(select(table).where(table.name == name))).scalar_one_or_none()
        return None if row is None else as_definition(kind, row)

    async def existing(self, kind: Kind, ids: list[str]) -> set[str]:
        table = TABLES[kind]
        return set((await self._session.execute(select(table.id).where(table.id.in_(ids)))).scalars())

    async def add(self, definition: Definition) -> None:
        await self._session.execute(insert(TABLES[definition.kind]).values(**_columns(definition)))

    async def replace(self, definition: Definition) -> None:
        table = TABLES[definition.kind]
        await self._session.execute(update(table).where(table.id == definition.id).values(**_columns(definition)))

    async def remove(self, definition: Definition) -> None:
        """Remove it, and with a cluster all that was seen of it."""
        table = TABLES[definition.kind]
        await self._session.execute(delete(table).where(table.id == definition.id))
        if definition.kind is Kind.CLUSTER:
            for seen in (ClusterState, Dag, DagSweep, DagRun):
                await self._session.execute(delete(seen).where(seen.cluster_id == definition.id))  # type: ignore[arg-type]

    async def endpoint_kinds(self) -> dict[str, str]:
        rows = await self._session.execute(select(Endpoint.name, Endpoint.body["kind"].astext))  # type: ignore[call-overload]
        return dict(rows.tuples().all())

    async def cluster_names(self) -> list[str]:
        return list((await self._session.execute(select(Cluster.name))).scalars())  # type: ignore[call-overload]

    async def users_of_endpoint(self, name: str) -> list[str]:
        return await self._users({"endpoint": name}, {"endpoint": name})

    async def users_of_cluster(self, name: str) -> list[str]:
        return await self._users({"kind": "airflow", "options": {"cluster": name}}, {"cluster": name})

    async def _users(self, component: dict[str, Any], trigger: dict[str, Any]) -> list[str]:
        """Return the workflows whose newest version has such a component or trigger."""
        query = text(
            """
            SELECT w.name FROM workflows w
            JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.latest
            WHERE NOT w.retired
              AND (v.definition->'components' @> cast(:component AS jsonb) OR v.definition->'triggers' @> cast(:trigger AS jsonb))
            ORDER BY w.name
            """
        )
        asked = {"component": json.dumps([component]), "trigger": json.dumps([trigger])}
        return list((await self._session.execute(query, asked)).scalars())

    async def rules_telling(self, channel_id: str) -> list[str]:
        query = text("SELECT name FROM rules WHERE body->'channels' @> jsonb_build_array(cast(:id AS text)) ORDER BY name")
        return list((await self._session.execute(query, {"id": channel_id})).scalars())

    async def workflow(self, workflow_id: str, *, lock: bool = False) -> WorkflowRecord | None:
        query = select(Workflow).where(Workflow.id == workflow_id)  # type: ignore[arg-type]
        row = (await self._session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
        return None if row is None else as_workflow(row)

    async def workflow_named(self, name: str, *, lock: bool = False) -> WorkflowRecord | None:
        if lock:
            await self._session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"gateway:workflow:{name}"))))
        query = select(Workflow).where(Workflow.name == name, Workflow.retired.is_(False))  # type: ignore[arg-type,attr-defined]
        row = (await self._session.execute(query)).scalar_one_or_none()
        return None if row is None else as_workflow(row)

    async def version(self, workflow_id: str, version: int) -> VersionRecord | None:
        query = select(WorkflowVersion).where(WorkflowVersion.workflow_id == workflow_id, WorkflowVersion.version == version)  # type: ignore[arg-type]
        row = (await self._session.execute(query)).scalar_one_or_none()
        return None if row is None else as_version(row)

    async def versions(self, workflow_id: str) -> list[VersionRecord]:
        query = select(WorkflowVersion).where(WorkflowVersion.workflow_id == workflow_id).order_by(WorkflowVersion.version)  # type: ignore[arg-type]
        return [as_version(row) for row in (await self._session.execute(query)).scalars()]

    async def versions_before(self, workflow_id: str, before: int | None, limit: int) -> list[VersionRecord]:
        """Return the newest versions with a smaller number."""
        query = select(WorkflowVersion).where(WorkflowVersion.workflow_id == workflow_id)  # type: ignore[arg-type]
        if before is not None:
            query = query.where(WorkflowVersion.version < before)  # type: ignore[arg-type]
        query = query.order_by(WorkflowVersion.version.desc()).limit(limit)  # type: ignore[attr-defined]
        return [as_version(row) for row in (await self._session.execute(query)).scalars()]

    async def save_workflow(self, workflow: WorkflowRecord, version: VersionRecord | None) -> None:
        columns = vars(workflow)
        statement = insert(Workflow).values(**columns)
        await self._session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=columns))
        if version is not None:
            await self._session.execute(insert(WorkflowVersion).values(**vars(version)))


def _columns(definition: Definition) -> dict[str, Any]:
    return {key: value for key, value in vars(definition).items() if key != "kind"}
