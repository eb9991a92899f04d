"""Hears of changes from PostgreSQL and hands them to the browsers of this replica.

A change is numbered in the transaction that writes it, under a lock, so numbers become visible in their order: reading
"everything after n" after each notification misses nothing, also after the connection was lost.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncpg

from gateway.adapters.ledger import LIVE_CHANNEL
from shared.runtime.database import Database, why_away
from shared.runtime.logging import get_logger
from shared.runtime.parts import Away, NotReady

log = get_logger(__name__)

KEPT = 5_000
"""Newest changes that are kept for browsers that come back."""
QUEUE = 500
"""Changes that may wait for one browser; a slower one is told to fetch everything again."""

Topic = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """One change: number, kind and id."""

    seq: int
    kind: str
    id: str


@dataclass(eq=False)
class Listener:
    """One browser: what it wants to hear, and what waits for it. ``overrun``: it missed something."""

    wants: Callable[[Change], bool]
    waiting: asyncio.Queue[Change] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    overrun: bool = False


class Hub:
    """A part: one connection that listens, and the browsers of this replica."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[Listener] = set()
        self._recent: deque[Change] = deque(maxlen=KEPT)
        self._oldest = 0
        """Everything after this number is in ``_recent``."""
        self.seq = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trouble = "not connected yet"

    async def start(self) -> None:
        """Begin to listen; it goes on by itself when the connection is lost."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="live hub")

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def check(self) -> None:
        """Readiness: changes are heard."""
        if self._trouble:
            raise NotReady(self._trouble)

    def join(self, wants: Callable[[Change], bool]) -> Listener:
        """Add a browser; it hears of everything from now on."""
        listener = Listener(wants)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a browser."""
        self._listeners.discard(listener)

    def missed(self, after: int) -> list[Change] | None:
        """Return what happened after a number, or None when that is not known any more."""
        if after > self.seq or after < self._oldest:
            return None
        return [change for change in self._recent if change.seq > after]

    async def _listen(self) -> None:
        while True:
            try:
                async with self._database.connection() as connection:
                    await self._listen_on(connection)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._trouble = why_away(error) or f"{type(error).__name__}: {error}"
                if why_away(error) is None and not isinstance(error, OSError | asyncpg.PostgresError):
                    log.exception("the live hub lost its connection")
                await asyncio.sleep(1)

    async def _listen_on(self, connection: asyncpg.Connection) -> None:
        def woken(*_: object) -> None:
            self._wake.set()

        await connection.add_listener(LIVE_CHANNEL, woken)
        try:
            if self.seq == 0:
                self.seq = self._oldest = await connection.fetchval("SELECT coalesce(max(seq), 0) FROM live_changes")
            self._trouble = ""
            while True:
                await self._read(connection)
                with contextlib.suppress(TimeoutError):
                    # A look now and then also finds out that the connection is gone.
                    async with asyncio.timeout(10):
                        await self._wake.wait()
                self._wake.clear()
                if connection.is_closed():
                    raise Away("PostgreSQL closed the connection that listens")
        finally:
            with contextlib.suppress(Exception):
                await connection.remove_listener(LIVE_CHANNEL, woken)

    async def _read(self, connection: asyncpg.Connection) -> None:
        while True:
            rows = await connection.fetch("SELECT seq, kind, id FROM live_changes WHERE seq > $1 ORDER BY seq LIMIT 1000", self.seq)
            for row in rows:
                self._tell(Change(row["seq"], row["kind"], row["id"]))
            if len(rows) < 1000:
                return

    def _tell(self, change: Change) -> None:
        if len(self._recent) == KEPT:
            self._oldest = self._recent[0].seq
        self._recent.append(change)
        self.seq = change.seq
        for listener in self._listeners:
            if listener.overrun or not listener.wants(change):
                continue
            try:
                listener.waiting.put_nowait(change)
            except asyncio.QueueFull:
                listener.overrun = True
