import asyncio

import asyncpg
import pytest

from shared.testing.ports import answers
from shared.testing.postgres import PostgresPart

pytestmark = pytest.mark.connected


async def test_committed_rows_are_there_after_kill_9(postgres: PostgresPart) -> None:
    url = postgres.fresh_database()
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    connection.terminate()
    await asyncio.to_thread(postgres.kill)
    assert not answers(postgres.port)
    await asyncio.to_thread(postgres.start)
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 1000
    assert (await connection.fetchval("SHOW server_version")).startswith("18.")
    await connection.close()


async def test_databases_are_separate_and_guarded_by_a_password(postgres: PostgresPart) -> None:
    first, second = postgres.fresh_database(), postgres.fresh_database()
    connection = await asyncpg.connect(first)
    await connection.execute("CREATE TABLE only_here (n int)")
    await connection.close()
    connection = await asyncpg.connect(second)
    assert await connection.fetchval("SELECT to_regclass('only_here')") is None
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(first, password="wrong")
