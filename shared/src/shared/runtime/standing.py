"""A few connections that are kept for statements which run all the time.

asyncpg's pool makes a task of each return, and one of each acquisition that has a limit: more work, and two turns of the event
loop more, than a small statement takes itself. This one hands over what is idle at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

_WITHIN = 10.0
"""Seconds within which there must be a connection."""


class Standing:
    """At most ``most`` connections, opened when they are needed first, and replaced when they have broken."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], most: int) -> None:
        self._connect = connect
        self._turns = asyncio.Semaphore(most)
        self._idle: list[asyncpg.Connection] = []
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[asyncpg.Connection]:
        """Give a connection outside of any transaction. Raises TimeoutError when none becomes free, and what ``connect`` raises."""
        if self._turns.locked():
            async with asyncio.timeout(_WITHIN):
                await self._turns.acquire()
        else:
            await self._turns.acquire()
        try:
            connection = await self._usable()
            try:
                yield connection
            except asyncpg.PostgresError:
                self._back(connection)  # the server has answered: what it said is the caller's
                raise
            except BaseException:
                # Stopped in the middle, or in a state that nobody knows (`database.why_away`): the next one who asks gets a new one.
                connection.terminate()
                raise
            else:
                self._back(connection)
        finally:
            self._turns.release()

    def _back(self, connection: asyncpg.Connection) -> None:
        if self._closed:
            connection.terminate()
        else:
            self._idle.append(connection)

    async def _usable(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        async with asyncio.timeout(_WITHIN):
            return await self._connect()

    async def close(self) -> None:
        """Close what is idle; what is in use is dropped when it comes back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    def terminate(self) -> None:
        """Drop what is idle without a word to the server."""
        self._closed = True
        while self._idle:
            self._idle.pop().terminate()
