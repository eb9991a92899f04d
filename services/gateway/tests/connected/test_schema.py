"""The migrations make what the tables say, and the audit shows whether it was touched."""

import asyncpg
import httpx
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.adapters.ledger import chain
from gateway.adapters.tables import METADATA
from gateway.identity.tables import METADATA as PEOPLE
from shared.runtime.delivery.tables import metadata as DELIVERY  # noqa: N812


async def test_the_migrations_make_what_the_tables_say(gateway) -> None:
    engine = create_async_engine(
        gateway.database_url.replace("postgresql://", "postgresql+asyncpg://"), connect_args={"server_settings": {"search_path": "gateway"}}
    )

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return compare_metadata(context, [METADATA, PEOPLE, DELIVERY])  # type: ignore[arg-type]

    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
    finally:
        await engine.dispose()
    assert [item for item in found if "alembic_version" not in str(item)] == []


async def test_a_changed_line_of_the_audit_breaks_its_chain(gateway, api: httpx.AsyncClient) -> None:
    await api.post("/api/clusters/", json={"name": "audited", "base_url": "https://a.example.com", "username": "x"})
    rows = await gateway.rows("SELECT * FROM audit ORDER BY id")

    def first_broken(lines: list[asyncpg.Record | dict[str, object]]) -> int | None:
        previous = ""
        for line in lines:
            fields = {key: value for key, value in dict(line).items() if key not in ("id", "hash")}
            fields["before"], fields["after"] = (_json(fields[key]) for key in ("before", "after"))
            if chain(previous, {**fields, "at": line["at"].isoformat()}) != line["hash"]:
                return int(str(line["id"]))
            previous = str(line["hash"])
        return None

    assert first_broken(rows) is None
    forged = [dict(row) for row in rows]
    forged[-1]["who"] = "somebody else"
    assert first_broken(forged) == forged[-1]["id"]


def _json(value: object) -> object:
    import json  # noqa: PLC0415

    return json.loads(value) if isinstance(value, str) else value
