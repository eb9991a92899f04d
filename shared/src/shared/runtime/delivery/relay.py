"""Sends outbox rows that their own process did not: it crashed, or the broker was away.

One replica relays at a time, by a fenced lease on the database's clock. Rows go out in the order of their ids, and a row whose
key has an older unpublished one goes out only with or after that one. Also forgets what is long done.
"""

import asyncio
import contextlib
import random
import time
from datetime import timedelta
from typing import Any

from shared.runtime import failpoints, metrics
from shared.runtime.database import Database, why_away
from shared.runtime.delivery.lease import Claim, Leases, StaleEpoch
from shared.runtime.delivery.rows import OutboxRow, unpack
from shared.runtime.ids import new_id
from shared.runtime.logging import get_logger
from shared.runtime.producer import Producer
from shared.runtime.records import OutgoingRecord

log = get_logger(__name__)

IDLE_SECONDS = 1.0
LEASE_SECONDS = 15.0
_BATCH = 500
_TIDY_SECONDS = 300.0
PUBLISHED_KEPT = timedelta(hours=1)
INBOX_KEPT = timedelta(days=14)
"""Longer than any topic keeps its messages, so a message that can still come again is still known."""

# A row of a key that has an older row under somebody's hold waits for that one.
_DUE = """
SELECT id, topic, key, value, headers FROM outbox AS row
WHERE published_at IS NULL AND held_until < clock_timestamp()
  AND NOT EXISTS (SELECT 1 FROM outbox AS older
                  WHERE older.published_at IS NULL AND older.topic = row.topic AND older.key = row.key AND older.id < row.id
                    AND older.held_until >= clock_timestamp())
ORDER BY id LIMIT $1
"""
_MARK = """
UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY($1::bigint[])
"""
_FORGET_OUTBOX = """
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE published_at < clock_timestamp() - $1::interval LIMIT 5000)
"""
_FORGET_INBOX = """
DELETE FROM inbox WHERE ctid IN (SELECT ctid FROM inbox WHERE received_at < clock_timestamp() - $1::interval LIMIT 5000)
"""


class Relay:
    """Runs beside the hand-over of an outbox."""

    def __init__(self, database: Database, producer: Producer) -> None:
        self._database = database
        self._producer = producer
        self._leases = Leases(database, f"{producer.service}-{producer.instance}-{new_id()[-8:]}")
        self._claim: Claim | None = None
        self._renewed = 0.0
        self._tidied = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""

    async def start(self) -> None:
        """Begin to look for left-over rows."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="outbox relay")

    async def stop(self) -> None:
        """End and let go of the lease."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._claim is not None:
            claim, self._claim = self._claim, None
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await self._leases.release(claim)

    async def _run(self) -> None:
        while True:
            pause = IDLE_SECONDS
            try:
                if await self._hold():
                    if await self._relay_once():
                        pause = 0.0
                    await self._tidy()
                else:
                    pause = LEASE_SECONDS / 3
                self.trouble = ""
            except StaleEpoch:
                self._claim = None
            except Exception as error:
                self._claim = None
                reason = why_away(error)
                if (reason or repr(error)) != self.trouble:
                    log.warning("the outbox relay waits", reason=reason or repr(error), exc_info=None if reason else error)
                self.trouble = reason or repr(error)
                pause = 2.0
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  (jitter, no secret)

    async def _hold(self) -> bool:
        if self._claim is not None:
            if time.monotonic() - self._renewed > LEASE_SECONDS / 3:
                await self._leases.renew(self._claim, LEASE_SECONDS)
                self._renewed = time.monotonic()
            return True
        self._claim = await self._leases.claim("outbox relay", LEASE_SECONDS)
        self._renewed = time.monotonic()
        return self._claim is not None

    async def _relay_once(self) -> bool:
        """Send one batch; return whether there may be more to send at once."""
        async with self._database.connection() as connection:
            found: list[Any] = await connection.fetch(_DUE, _BATCH)
        if not found:
            return False
        rows = [OutboxRow(r["id"], OutgoingRecord(r["topic"], r["key"], r["value"], unpack(r["headers"]))) for r in found]
        await failpoints.reach("relay.before_send")
        answers = await self._producer.send([row.record for row in rows])
        await failpoints.reach("relay.after_ack")
        sent = [row.id for row, answer in zip(rows, answers, strict=True) if answer is None]
        if sent:
            async with self._database.connection() as connection:
                await connection.execute(_MARK, sent)
            for row, answer in zip(rows, answers, strict=True):
                if answer is None:
                    metrics.PUBLISHED.labels(row.record.topic, "relay").inc()
            metrics.RELAYED.inc(len(sent))
            log.info("relayed messages that were left over", rows=len(sent))
        return len(sent) == len(rows) == _BATCH

    async def _tidy(self) -> None:
        if time.monotonic() - self._tidied < _TIDY_SECONDS:
            return
        more = False
        async with self._database.connection() as connection:
            for statement, kept in ((_FORGET_OUTBOX, PUBLISHED_KEPT), (_FORGET_INBOX, INBOX_KEPT)):
                more |= (await connection.execute(statement, kept)).endswith(" 5000")
        if not more:
            self._tidied = time.monotonic()
