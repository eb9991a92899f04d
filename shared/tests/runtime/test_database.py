"""One schema per service, migrated once however many replicas start."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from shared.runtime.database import Database, may_pass_again, why_away
from shared.runtime.parts import Away, NotReady
from shared.runtime.settings import ServiceSettings
from shared.testing.ports import free_port


@pytest.mark.connected
async def test_replicas_that_start_together_migrate_once(settings, migrations) -> None:
    replicas = [Database(settings, "station", migrations) for _ in range(5)]
    await asyncio.gather(*(replica.start() for replica in replicas))
    async with replicas[0].connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
        assert await connection.fetchval("SELECT current_schema()") == "station"
    await asyncio.gather(*(replica.stop() for replica in replicas))


@pytest.mark.connected
@pytest.mark.usefixtures("database")
async def test_a_schema_at_its_newest_revision_needs_no_alembic(settings, migrations, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "shared.runtime.upgrading", None)
    again = Database(settings, "station", migrations)
    await again.start()
    await again.stop()
    fresh = Database(settings, "elsewhere", migrations)
    with pytest.raises(ImportError):
        await fresh.start()
    await fresh.stop()


@pytest.mark.connected
async def test_a_revision_must_be_named_as_its_file(settings, tmp_path) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    versions.joinpath("0002_ledger.py").write_text('revision = "0001"\ndown_revision = None\n')
    database = Database(settings, "misnamed", tmp_path)
    with pytest.raises(RuntimeError, match="named 0002 as its last file; it has 0001"):
        await database.start()
    await database.stop()


@pytest.mark.connected
@pytest.mark.usefixtures("database")
async def test_services_do_not_see_each_others_tables(settings) -> None:
    other = Database(settings, "other", None)
    await other.start()
    try:
        async with other.session() as session:
            with pytest.raises(ProgrammingError, match="ledger"):
                await session.execute(text("SELECT * FROM ledger"))
    finally:
        await other.stop()


@pytest.mark.connected
async def test_a_session_commits_at_the_end_and_rolls_back_on_an_error(database) -> None:
    insert = text("INSERT INTO ledger (key, number, worker) VALUES ('k', :n, 'w')")
    async with database.session() as session:
        await session.execute(insert, {"n": 1})
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  (the block is the transaction)
        async with database.session() as session:
            await session.execute(insert, {"n": 2})
            raise ZeroDivisionError
    async with database.connection() as connection:
        assert [row["number"] for row in await connection.fetch("SELECT number FROM ledger")] == [1]


@pytest.mark.connected
async def test_a_deadlock_may_pass_when_done_again(database) -> None:
    insert = text("INSERT INTO ledger (key, number, worker) VALUES (:k, 0, 'w')")
    async with database.session() as session:
        await session.execute(insert, [{"k": "a"}, {"k": "b"}])

    async def both(first: str, second: str) -> BaseException | None:
        try:
            async with database.session() as session:
                await session.execute(text("UPDATE ledger SET number = 1 WHERE key = :k"), {"k": first})
                await asyncio.sleep(0.3)
                await session.execute(text("UPDATE ledger SET number = 1 WHERE key = :k"), {"k": second})
        except Exception as error:  # noqa: BLE001
            return error
        return None

    errors = [error for error in await asyncio.gather(both("a", "b"), both("b", "a")) if error]
    assert len(errors) == 1
    assert may_pass_again(errors[0])
    assert why_away(errors[0]) is None


@pytest.mark.connected
async def test_a_connection_that_broke_between_two_commands_is_away_and_not_used_again(database) -> None:
    async with database.connection() as connection:
        first = await connection.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(asyncpg.InternalClientError) as caught:  # noqa: PT012 - the block is the use of the connection
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") == first
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
    assert "the connection broke between two commands" in (why_away(caught.value) or "")
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") != first


async def test_a_database_that_does_not_answer_is_away_and_its_password_is_not_told(tmp_path: Path) -> None:
    url = SecretStr(f"postgresql://someone:hunter2@127.0.0.1:{free_port()}/none")
    database = Database(ServiceSettings(kafka="127.0.0.1:1", database_url=url, keys_dir=tmp_path), "station", None)
    with pytest.raises(Away, match="does not answer") as away:
        await database.start()
    assert "hunter2" not in str(away.value)
    with pytest.raises(NotReady, match="not migrated"):
        await database.check()
    with pytest.raises(Away):
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
    with pytest.raises(Away):
        async with database.connection():
            pass
    await database.stop()


async def test_a_socket_directory_is_a_host(tmp_path: Path) -> None:
    url = SecretStr(f"postgresql://postgres:@/postgres?host={tmp_path}")
    database = Database(ServiceSettings(kafka="127.0.0.1:1", database_url=url, keys_dir=tmp_path), "station", None)
    with pytest.raises(Away, match=str(tmp_path)):
        await database.start()
    await database.stop()


@pytest.mark.connected
async def test_connections_that_the_server_closed_are_replaced_unnoticed(database) -> None:
    async with database.session() as session:
        mine = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT pg_terminate_backend($1)", mine)
    await asyncio.sleep(0.2)
    async with database.session() as session:
        assert (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one() != mine
