"""Alembic for every service: one environment here, so a service's ``migrations/`` holds only ``versions/*.py``."""

import asyncio
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


async def upgrade(connect: Callable[[], Awaitable[asyncpg.Connection]], folder: Path, schema: str, newest: str) -> None:
    """Bring the schema to the newest revision under ``<folder>/versions``, which is ``newest`` by its file's name."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # Reading and importing the revisions is file work: it stays off the event loop.
    script = await asyncio.to_thread(_read, config, newest)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda *_a, **_k: connect(), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SET statement_timeout = 0"))
            await connection.run_sync(_upgrade, script, schema)
            await connection.commit()
    finally:
        await engine.dispose()
    log.info("schema is at its newest revision", schema=schema, revision=script.get_current_head())


def _read(config: Config, newest: str) -> ScriptDirectory:
    script = ScriptDirectory.from_config(config)
    heads = script.get_heads()
    if heads != [newest]:
        folder = config.get_main_option("script_location")
        raise RuntimeError(
            f"{folder} needs exactly one newest revision, named {newest} as its last file; it has {', '.join(heads) or 'none'}"
        )
    return script


def _upgrade(connection: Connection, script: ScriptDirectory, schema: str) -> None:
    def steps(revision: str | tuple[str, ...], _context: object) -> object:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001  (as Alembic's own commands do)

    environment = EnvironmentContext(Config(), script, fn=steps, destination_rev="head")
    with environment:
        environment.configure(connection=connection, version_table_schema=schema, include_schemas=False, transaction_per_migration=True)
        with environment.begin_transaction():
            environment.run_migrations()
