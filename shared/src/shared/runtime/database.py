"""One service's own schema in PostgreSQL: sessions for use cases, bare connections for hot paths, migrations at start.

Both ways connect through ``_connect``, so time limits, the search path and the words for "away" are the same.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from shared.runtime import migrations as migrating
from shared.runtime.logging import get_logger
from shared.runtime.parts import Away, NotReady
from shared.runtime.settings import ServiceSettings
from shared.runtime.standing import Standing

log = get_logger(__name__)

_AWAY_CLASSES = ("08", "53", "57P", "25006", "58")
"""SQLSTATEs that say "not now": connection, resources (disk full too), shutdown or start-up, read-only stand-by, I/O."""

_AGAIN = frozenset({"40001", "40P01", "55P03", "57014", "25P03"})
"""SQLSTATEs of a transaction that may pass when it is simply done again."""

_SESSION = {
    "timezone": "UTC",
    # Below the client's own limit, so that the server is the one that ends a statement, with a state that says so; and below
    # the standstill that ends a process, so that a slow statement is one failed try and not the end.
    "statement_timeout": "30s",
    # A process that froze or vanished in a transaction must not keep its locks from those that take over.
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


async def _keep(_connection: asyncpg.Connection) -> None:
    """Leave a connection as it comes back: nobody sets anything on one, and asking the server to forget costs each use a round trip."""


def _sqlstate(error: BaseException) -> str:
    inner: Any = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(inner, "sqlstate", None) or getattr(getattr(inner, "__cause__", None), "sqlstate", None)
    return state if isinstance(state, str) else ""


def why_away(error: BaseException) -> str | None:
    """Return why the database can't be used now if that is what ``error`` means, else None."""
    if isinstance(error, Away):
        return str(error)
    if type(error) is TimeoutError:
        # asyncpg's word for a server that does not answer a command; handlers wait for nothing else.
        return "PostgreSQL: no answer in time"
    if isinstance(error, PoolTimeoutError):
        return "PostgreSQL: no free connection"
    if isinstance(error, DBAPIError):
        inner = error.orig.__cause__ if error.orig is not None else None
        if error.connection_invalidated or isinstance(inner, asyncpg.InterfaceError | OSError):
            return f"PostgreSQL: {inner or error.orig}"
    state = _sqlstate(error)
    if state.startswith(_AWAY_CLASSES):
        return f"PostgreSQL: {error.orig if isinstance(error, DBAPIError) else error} ({state})"
    if isinstance(error, asyncpg.InterfaceError) and "closed" in str(error):
        return f"PostgreSQL: {error}"
    if isinstance(error, asyncpg.InternalClientError):
        # asyncpg's word for a server that died between preparing a statement and running it: the protocol still waits for the former.
        return f"PostgreSQL: the connection broke between two commands ({error})"
    return None


def may_pass_again(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is repeated: a deadlock, a lock or statement time-out."""
    return _sqlstate(error) in _AGAIN


def _where(dsn: str) -> str:
    """Return host and port, or the socket's directory, of a URL; never its user or password."""
    url = urlsplit(dsn)
    host = url.hostname or parse_qs(url.query).get("host", ["the default socket"])[0]
    return host if host.startswith("/") else f"{host}:{url.port or 5432}"


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Let the pool replace a connection whose server went away, at no cost; a question before each use would cost a round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server closed this connection")


class Database:
    """A part that owns both pools of one schema."""

    def __init__(self, settings: ServiceSettings, schema: str, migrations: Path | None, *, pool_size: int = 5) -> None:
        self.schema = schema
        self._dsn = settings.database_url.get_secret_value()
        self._name = f"flowtower-{schema}-{settings.instance}"
        self._migrations = migrations
        self._pool_size = pool_size
        self._pool: asyncpg.Pool | None = None
        self._steady: Standing | None = None
        self._migrated = False
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_pre_ping=False,
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    async def _connect(self, *_args: Any, plan_cache_mode: str = "auto", **_kwargs: Any) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(
                self._dsn,
                timeout=5,
                command_timeout=45,
                server_settings={
                    "search_path": f'"{self.schema}"',
                    "application_name": self._name,
                    "plan_cache_mode": plan_cache_mode,
                    **_SESSION,
                },
            )
        except (OSError, TimeoutError) as error:
            raise Away(f"PostgreSQL at {_where(self._dsn)} does not answer: {error or type(error).__name__}") from error
        except asyncpg.PostgresError as error:
            if reason := why_away(error):
                raise Away(reason) from error
            raise
        except asyncpg.InterfaceError as error:
            raise Away(f"PostgreSQL: {error}") from error

    async def start(self) -> None:
        """Migrate the schema and open the pool of bare connections. Raises Away while PostgreSQL does not answer."""
        if not self._migrated:
            await migrating.run(self._connect, self._migrations, self.schema)
            self._migrated = True
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._dsn, connect=self._connect, reset=_keep, min_size=0, max_size=self._pool_size, max_inactive_connection_lifetime=300
            )
        if self._steady is None:
            self._steady = Standing(self._connect_steadily, 2)

    async def _connect_steadily(self) -> asyncpg.Connection:
        return await self._connect(plan_cache_mode="force_generic_plan")

    async def stop(self) -> None:
        """Close both pools; what still runs gets a few seconds."""
        pools = [pool for pool in (self._pool, self._steady) if pool is not None]
        self._pool = self._steady = None
        for pool in pools:
            try:
                async with asyncio.timeout(5):
                    await pool.close()
            except TimeoutError:
                pool.terminate()
        await self.engine.dispose()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        async with self._sessions() as session, session.begin():
            yield session

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A bare asyncpg connection, outside of any transaction, for hot paths. Raises Away when there is none to have."""
        return self._taken(self._pool)

    def steady(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """The same for a few statements that are run all the time and whose best plan never depends on what they are given.

        The server plans each of them once. It would plan a statement with arrays anew each time, which takes longer than running it.
        """
        if self._steady is None:
            raise Away("PostgreSQL: not connected yet")
        return self._steady.one()

    @staticmethod
    @asynccontextmanager
    async def _taken(pool: asyncpg.Pool | None) -> AsyncIterator[asyncpg.Connection]:
        if pool is None:
            raise Away("PostgreSQL: not connected yet")
        # The limit is ours and not the pool's: that one makes a task of each acquisition, which costs more than all the rest of it.
        async with asyncio.timeout(10):
            connection = await pool.acquire()
        try:
            yield connection
        except asyncpg.InternalClientError:
            connection.terminate()  # its state is lost, see `why_away`; the pool takes a new one
            raise
        finally:
            await pool.release(connection)

    async def check(self) -> None:
        """Readiness: PostgreSQL answers and the schema is migrated."""
        if not self._migrated:
            raise NotReady("the schema is not migrated yet")
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:
            if reason := why_away(error):
                raise NotReady(reason) from error
            raise
