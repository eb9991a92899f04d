"""The schema of a service at its start: made if it is missing, and brought to its newest revision.

Replicas that start together must not migrate twice: the first takes an advisory lock, the others wait and find the work done.
"""

import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

Connect = Callable[[], Awaitable[asyncpg.Connection]]


def _lock_of(schema: str) -> int:
    return zlib.crc32(f"flowtower:migrations:{schema}".encode())


async def run(connect: Connect, versions_of: Path | None, schema: str) -> None:
    """Make the schema if it is missing and bring it to the newest revision under ``<versions_of>/versions``.

    ``versions_of`` is the service's ``migrations`` folder; None leaves it at the empty schema.
    """
    holder = await connect()
    try:
        # The lock lives with this connection: a process that dies lets go of it.
        await holder.execute("SET statement_timeout = 0")
        await holder.execute("SELECT pg_advisory_lock($1)", _lock_of(schema), timeout=600)
        await holder.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        if versions_of is not None and await _revision(holder, schema) != (newest := _newest(versions_of)):
            # Alembic takes a tenth of a service's start to load, and most starts find nothing to do.
            from shared.runtime.upgrading import upgrade  # noqa: PLC0415

            await upgrade(connect, versions_of, schema, newest)
    finally:
        await holder.close(timeout=5)


async def _revision(connection: asyncpg.Connection, schema: str) -> str | None:
    """Return where Alembic left the schema; None before its first revision."""
    table = f'"{schema}".alembic_version'
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return None
    revision: str | None = await connection.fetchval(f"SELECT min(version_num) FROM {table} HAVING count(*) = 1")  # noqa: S608 - our name
    return revision


def _newest(folder: Path) -> str:
    """Return the newest revision, with which the name of its file begins: ``0005_retention.py``."""
    return max(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*.py"))
