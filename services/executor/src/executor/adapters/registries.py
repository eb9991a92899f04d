"""The copies of the registries: written by the bus, read by the engine. Secrets are opened here and nowhere else."""

import json
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from executor.adapters.tables import EndpointRow, WorkflowRow
from executor.application.ports import Endpoint, Permanent
from executor.application.registries import Published
from shared.contracts.endpoints import EndpointLimits, EndpointRegistered
from shared.contracts.kinds import KINDS
from shared.contracts.workflows import WorkflowDefinition, WorkflowPublished
from shared.runtime.database import Database
from shared.runtime.delivery import Transaction
from shared.runtime.sealed import OpeningKey, SealBroken, SealedForAnother

_VERSION = "SELECT workflow_id, version, definition::text, retired FROM workflows WHERE workflow_id = $1 AND version = $2"
_NAMED = """
SELECT workflow_id, version, definition::text, retired FROM workflows
WHERE name = $1 AND ($2::int IS NULL OR version = $2) ORDER BY retired, version DESC LIMIT 1
"""
_ENDPOINT = """
SELECT endpoint_id, name, kind, options::text, sealed_secret, limits::text FROM endpoints
WHERE name = $1 ORDER BY revision DESC LIMIT 1
"""


class PostgresRegistries:
    def __init__(self, database: Database, key: OpeningKey) -> None:
        self._database = database
        self._key = key

    async def workflow(self, name: str, version: int | None) -> Published | None:
        async with self._database.connection() as connection:
            return _published(await connection.fetchrow(_NAMED, name, version))

    async def version(self, workflow_id: str, version: int) -> Published | None:
        async with self._database.connection() as connection:
            return _published(await connection.fetchrow(_VERSION, workflow_id, version))

    async def endpoint(self, name: str) -> Endpoint | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ENDPOINT, name)
        if row is None:
            return None
        endpoint = self.opened(row["endpoint_id"], row["name"], row["kind"], json.loads(row["options"]), row["sealed_secret"])
        return replace(endpoint, limits=EndpointLimits.model_validate_json(row["limits"]))

    def opened(self, endpoint_id: str, name: str, kind: str, options: dict[str, Any], sealed: str | None) -> Endpoint:
        """Return an endpoint with checked options and opened secrets; raise Permanent with what is wrong."""
        known = KINDS.get(kind)
        if known is None:
            raise Permanent("KindUnknown", f"There is no kind “{kind}”. Known: {', '.join(KINDS)}.")
        secret: dict[str, str] = {}
        if sealed is not None:
            try:
                secret = self._key.open_texts(sealed, owner=endpoint_id)
            except (SealBroken, SealedForAnother) as error:
                text = f"The secret of “{name}” cannot be opened: {error}. Enter it again on the endpoint."
                raise Permanent("SecretUnreadable", text) from error
        try:
            return Endpoint(endpoint_id, name, kind, known.endpoint.model_validate(options), known.secrets.model_validate(secret))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, e['loc']))}: {e['msg']}"
                for e in error.errors(include_input=False, include_url=False, include_context=False)
            )
            raise Permanent("EndpointInvalid", f"The endpoint “{name}” is not valid: {wrong}.") from error


def _published(row: Any) -> Published | None:
    if row is None:
        return None
    definition = WorkflowDefinition.model_validate_json(row["definition"])
    return Published(row["workflow_id"], row["version"], definition, row["retired"])


async def keep_workflow(transaction: Transaction, event: WorkflowPublished) -> None:
    """Copy a version; the same one again changes only whether it is retired."""
    values = {
        "workflow_id": event.workflow_id,
        "version": event.version,
        "name": event.definition.workflow,
        "definition": event.definition.model_dump(mode="json"),
        "retired": event.retired,
    }
    statement = insert(WorkflowRow).values(values)
    changed = statement.on_conflict_do_update(index_elements=["workflow_id", "version"], set_={"retired": event.retired})
    await transaction.session.execute(changed)


async def keep_endpoint(transaction: Transaction, event: EndpointRegistered) -> None:
    """Copy an endpoint, unless a newer revision is here already."""
    columns = set(EndpointRow.__table__.columns.keys())  # type: ignore[attr-defined]
    values = event.model_dump(mode="json", include=columns)
    statement = insert(EndpointRow).values(values)
    newer = statement.excluded.revision >= EndpointRow.__table__.c.revision  # type: ignore[attr-defined]
    update = {name: getattr(statement.excluded, name) for name in values if name != "endpoint_id"}
    await transaction.session.execute(statement.on_conflict_do_update(index_elements=["endpoint_id"], set_=update, where=newer))


async def drop_endpoint(transaction: Transaction, endpoint_id: str) -> None:
    """Forget an endpoint."""
    await transaction.session.execute(delete(EndpointRow).where(EndpointRow.endpoint_id == endpoint_id))  # type: ignore[arg-type]
