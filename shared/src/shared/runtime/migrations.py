"""Alembic for every service: one environment here, so a service's ``migrations/`` holds only ``versions/*.py``.

Replicas that start together must not migrate twice: the first takes an advisory lock, the others wait and find the work done.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.runtime.logging import get_logger

log = get_logger(__name__)

Connect = Callable[[], Awaitable[asyncpg.Connection]]


def _lock_of(schema: str) -> int:
    return zlib.crc32(f"flowtower:migrations:{schema}".encode())


def _upgrade(connection: Connection, script: ScriptDirectory, schema: str) -> None:
    def steps(revision: str | tuple[str, ...], _context: object) -> object:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001  (as Alembic's own commands do)

    environment = EnvironmentContext(Config(), script, fn=steps, destination_rev="head")
    with environment:
        environment.configure(connection=connection, version_table_schema=schema, include_schemas=False, transaction_per_migration=True)
        with environment.begin_transaction():
            environment.run_migrations()


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
        if versions_of is not None:
            await _upgrade_under_lock(connect, versions_of, schema)
    finally:
        await holder.close(timeout=5)


async def _upgrade_under_lock(connect: Connect, folder: Path, schema: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # Reading and importing the revisions is file work: it stays off the event loop.
    script = await asyncio.to_thread(_read, config)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda *_a, **_k: connect(), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SET statement_timeout = 0"))
            await connection.run_sync(_upgrade, script, schema)
            await connection.commit()
    finally:
        await engine.dispose()
    log.info("schema is at its newest revision", schema=schema, revision=script.get_current_head())


def _read(config: Config) -> ScriptDirectory:
    script = ScriptDirectory.from_config(config)
    heads = script.get_heads()
    if len(heads) != 1:
        raise RuntimeError(f"{config.get_main_option('script_location')} has {len(heads)} newest revisions ({heads}); it needs exactly one")
    return script
