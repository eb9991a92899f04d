"""State and messages that leave together.

``transaction`` commits a state change with its outbox rows and hands the rows to this process's own hand-over, which sends
them at once, many at a time, and marks them when the brokers have them. The relay sends what a crash or a broker that
was away left over. Both keep the order of each key: a row that has an older one of its key waiting elsewhere is left to the relay.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.runtime import failpoints, metrics
from shared.runtime.database import Database, why_away
from shared.runtime.delivery.relay import Relay
from shared.runtime.delivery.rows import OutboxRow
from shared.runtime.delivery.transaction import Transaction
from shared.runtime.logging import get_logger
from shared.runtime.origin import Origin
from shared.runtime.parts import Away
from shared.runtime.producer import Producer

log = get_logger(__name__)

MAX_WAITING = 20_000
"""Rows kept in memory for the hand-over. Beyond it they stay in the table, where the relay finds them."""
_MAX_SEND = 2_000

# Losing a mark in a crash only means that the row is sent once more under the same id, so its commit need not wait for the disk.
_MARK = """
UPDATE outbox SET published_at = clock_timestamp()
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS quick WHERE id = ANY($1::bigint[])
"""
_LET_GO = "UPDATE outbox SET held_until = clock_timestamp() WHERE id = ANY($1::bigint[]) AND published_at IS NULL"


class Outbox:
    """A part: transactions whose messages leave, and the two ways in which they do."""

    def __init__(self, database: Database, producer: Producer, origin: Origin | None = None) -> None:
        self._database = database
        self._producer = producer
        self._origin = origin
        self._source = f"/flowtower/{producer.service}"
        self._waiting: deque[OutboxRow] = deque()
        self._here: set[int] = set()
        """Rows that this process will mark: waiting or being sent."""
        self._done: deque[int] = deque(maxlen=20_000)
        self._done_ids: set[int] = set()
        """Rows that were marked lately. A transaction may have seen them as open although they are through by its commit."""
        self._left: list[int] = []
        """Rows that the relay shall send without waiting for their hold to run out."""
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._relay = Relay(database, producer)

    async def start(self) -> None:
        """Begin to hand over and to relay."""
        self._stopping = False
        if self._task is None:
            self._task = asyncio.create_task(self._hand_over(), name="outbox hand-over")
        await self._relay.start()

    async def stop(self) -> None:
        """Send what is in hand for a few seconds; the rest stands in the table and another process relays it."""
        self._stopping = True
        self._work.set()
        if self._task is not None:
            task, self._task = self._task, None
            done, _ = await asyncio.wait([task], timeout=5)
            if not done:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._relay.stop()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction: its effects and its messages stand together or not at all. Raises Away when there is no database."""
        async with self._database.session() as session:
            transaction = Transaction(session, self._source, self._origin)
            yield transaction
            failpoints.hit("outbox.before_rows")
            written = await transaction.write_outbox()
            failpoints.hit("outbox.before_commit")
        failpoints.hit("outbox.after_commit")
        self._take(written)
        transaction.committed()

    def _take(self, written: list[tuple[OutboxRow, frozenset[int]]]) -> None:
        held_back = {row.lane for row, older in written if not older - self._done_ids <= self._here}
        for row, _ in written:
            if row.lane in held_back or len(self._waiting) >= MAX_WAITING or self._stopping:
                held_back.add(row.lane)
                self._left.append(row.id)
                continue
            self._here.add(row.id)
            self._waiting.append(row)
        metrics.OUTBOX_PENDING.set(len(self._here))
        if self._waiting or self._left:
            self._work.set()

    async def _hand_over(self) -> None:
        while not (self._stopping and not self._waiting):
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                rows = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_SEND))]
                try:
                    await self._send(rows)
                except Exception as error:
                    # The rows stay in the table for the relay; this task must go on.
                    reason = why_away(error)
                    unexpected = None if reason else error
                    log.warning("the hand-over leaves rows to the relay", rows=len(rows), reason=reason, exc_info=unexpected)
                    self._left += [row.id for row in rows]
                finally:
                    self._here.difference_update(row.id for row in rows)
                    metrics.OUTBOX_PENDING.set(len(self._here))
            await self._let_go()

    async def _let_go(self) -> None:
        """Give rows up to the relay at once. When that fails they are free anyway once their hold runs out."""
        left, self._left = self._left, []
        if left:
            with contextlib.suppress(Exception):
                async with self._database.connection() as connection:
                    await connection.execute(_LET_GO, left)

    async def _send(self, rows: list[OutboxRow]) -> None:
        await failpoints.reach("outbox.before_send")
        answers = await self._producer.send([row.record for row in rows])
        await failpoints.reach("outbox.after_ack")
        sent = [row for row, answer in zip(rows, answers, strict=True) if answer is None]
        unknown = {row.lane for row, answer in zip(rows, answers, strict=True) if answer is not None}
        if unknown:
            why = next(answer for answer in answers if answer is not None)
            log.warning("sends without an answer; the relay repeats them", rows=len(rows) - len(sent), error=repr(why))
            self._leave(unknown)
            self._left += [row.id for row, answer in zip(rows, answers, strict=True) if answer is not None]
        if sent:
            await mark(self._database, sent)
            self._remember(sent)
            for row in sent:
                metrics.PUBLISHED.labels(row.record.topic, "direct").inc()
        await failpoints.reach("outbox.after_mark")

    def _leave(self, lanes: set[tuple[str, bytes | None]]) -> None:
        """Leave waiting rows to the relay when an earlier one of their key has no answer yet, or they would overtake it."""
        left = [row for row in self._waiting if row.lane in lanes]
        if left:
            self._waiting = deque(row for row in self._waiting if row.lane not in lanes)
            self._here.difference_update(row.id for row in left)
            self._left += [row.id for row in left]

    def _remember(self, rows: list[OutboxRow]) -> None:
        for row in rows:
            if len(self._done) == self._done.maxlen:
                self._done_ids.discard(self._done[0])
            self._done.append(row.id)
            self._done_ids.add(row.id)

    async def check(self) -> None:
        """Readiness: the relay could look at the table lately."""
        if self._relay.trouble:
            raise Away(self._relay.trouble)


async def mark(database: Database, rows: list[OutboxRow]) -> None:
    """Note that the brokers have these rows."""
    async with database.connection() as connection:
        await connection.execute(_MARK, [row.id for row in rows])
