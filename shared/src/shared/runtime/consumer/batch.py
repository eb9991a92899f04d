"""What happens to one batch: read, remembered in the inbox, handled and published in ONE transaction, or set aside.

A handler that raises rolls the whole batch back; then each message gets a transaction of its own, so that one bad message
costs no other. A database that is away is waited for in place, as long as the partitions are ours.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from shared.contracts.topics import Topic
from shared.runtime import failpoints, metrics
from shared.runtime.consumer.received import Handler, Received, Reject, Unusable, identity, read
from shared.runtime.database import may_pass_again, why_away
from shared.runtime.delivery.dead import Verdict, set_aside
from shared.runtime.delivery.inbox import enter
from shared.runtime.delivery.outbox import Outbox
from shared.runtime.delivery.transaction import Transaction
from shared.runtime.logging import get_logger
from shared.runtime.records import Record
from shared.runtime.tracing import consumer_span

log = get_logger(__name__)

MAX_TRIES = 3
"""Tries of one message whose handler raises something that will not change by waiting."""
MAX_TRANSIENT_TRIES = 10
"""Tries of one message whose transaction is refused by a deadlock or a time limit."""
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 15.0
_BREATHE_BYTES = 1_048_576


class Lost(Exception):
    """The batch waited for the database, and its partitions went to another consumer or this one was asked to stop."""


@dataclass
class Batches:
    """Carries batches of one consumer through. ``waiting`` says for what it waits, for readiness."""

    topic: Topic
    group: str
    handler: Handler
    outbox: Outbox
    lost: Callable[[TopicPartition], bool] = field(default=lambda _partition: False)
    tried: Callable[[], None] = field(default=lambda: None)
    """Called after each try, whatever came of it: tries are bounded, so one that ended is progress."""
    waiting: str = ""
    stopping: bool = False

    async def run(self, records: Sequence[Record]) -> None:
        """Handle ``records``; when it returns, each is done: its effect committed, or set aside. Raises Lost when it gave up."""
        read_records = await self._read_all(records)
        good = [message for _, message in read_records if isinstance(message, Received)]
        try:
            with consumer_span(
                f"{self.topic.name} process",
                [message.traceparent for message in good],
                {
                    "messaging.system": "kafka",
                    "messaging.destination.name": self.topic.name,
                    "messaging.consumer.group.name": self.group,
                    "messaging.batch.message_count": len(records),
                },
            ):
                await self._whole(read_records)
        finally:
            self._wait_for("")

    async def _read_all(self, records: Sequence[Record]) -> list[tuple[Record, Received[Any] | Verdict]]:
        """Read every record, and let the event loop breathe after each megabyte: decoding is work for the processor."""
        done, size = [], 0
        for record in records:
            done.append((record, self._read(record)))
            size += len(record.value or b"")
            if size > _BREATHE_BYTES:
                size = 0
                await asyncio.sleep(0)
        return done

    def _read(self, record: Record) -> Received[Any] | Verdict:
        try:
            return read(self.topic, record)
        except Unusable as unusable:
            return unusable.verdict

    async def _whole(self, read_records: Sequence[tuple[Record, Received[Any] | Verdict]]) -> None:
        error = await self._until_database(lambda: self._transact(read_records), read_records)
        if error is None:
            return
        if len(read_records) > 1:
            log.info("a batch failed; its messages are handled one by one", group=self.group, messages=len(read_records), error=repr(error))
            for pair in read_records:
                await self._one(pair)
        else:
            await self._one(read_records[0], error)

    async def _one(self, pair: tuple[Record, Received[Any] | Verdict], error: BaseException | None = None) -> None:
        """Handle one message in its own transaction; set it aside when it fails for good. ``error``: it was tried once already."""
        tries = 1 if error is not None else 0
        while True:
            if error is not None:
                verdict = self._verdict(error, tries)
                if verdict is not None:
                    log.warning(
                        "a message is set aside",
                        group=self.group,
                        kind=verdict.kind,
                        reason=verdict.reason,
                        tries=tries,
                        position=_place(pair[0]),
                    )
                    pair = (pair[0], verdict)
                else:
                    await asyncio.sleep(_pause(tries))
            error = await self._until_database(lambda: self._transact([pair]), [pair])  # noqa: B023  (awaited before the next turn)
            if error is None:
                return
            if isinstance(pair[1], Verdict):
                # Even setting it aside fails: say so and go on trying, because dropping it would lose it.
                self._wait_for(f"dead letter of {_place(pair[0])} can't be written: {error!r}")
                log.error("a dead letter can't be written", group=self.group, position=_place(pair[0]), exc_info=error)
                await asyncio.sleep(_LONGEST_WAIT)
                error = None
            else:
                tries += 1

    @staticmethod
    def _verdict(error: BaseException, tries: int) -> Verdict | None:
        if isinstance(error, Reject):
            return Verdict("rejected", str(error) or "rejected without a reason", tries)
        if tries >= (MAX_TRANSIENT_TRIES if may_pass_again(error) else MAX_TRIES):
            return Verdict("failed", f"{type(error).__name__}: {error}", tries)
        return None

    async def _until_database(
        self, work: "Callable[[], Any]", read_records: Sequence[tuple[Record, Received[Any] | Verdict]]
    ) -> Exception | None:
        """Do ``work``, as often as the database is away; return the error that waiting does not heal."""
        turn = 0
        while True:
            try:
                await work()
            except Exception as error:
                reason = why_away(error)
                if reason is None:
                    self.tried()
                    return error
                if not self.waiting:
                    log.warning("a consumer waits", group=self.group, reason=reason)
                self._wait_for(reason)
                await asyncio.sleep(_pause(turn))
                turn += 1
                if self.stopping or all(self.lost(TopicPartition(record.topic, record.partition)) for record, _ in read_records):
                    raise Lost from error
            else:
                self._wait_for("")
                self.tried()
                return None

    def _wait_for(self, reason: str) -> None:
        self.waiting = reason
        metrics.WAITING.labels(self.group).set(1 if reason else 0)

    async def _transact(self, read_records: Sequence[tuple[Record, Received[Any] | Verdict]]) -> None:
        """Inbox, effects and outbox rows of these records, in one transaction."""
        failpoints.hit("consumer.before_transaction")
        async with self.outbox.transaction() as transaction:
            positions: dict[str, str] = {}
            for record, message in read_records:
                if isinstance(message, Received):
                    positions.setdefault(message.event_id, message.position)
                else:
                    positions.setdefault(identity(record), _place(record))
            new = await enter(transaction.session, self.group, positions)
            failpoints.hit("consumer.after_inbox")
            await self._handle(transaction, read_records, {positions[event_id] for event_id in new})
            failpoints.hit("consumer.after_handler")

    async def _handle(
        self, transaction: Transaction, read_records: Sequence[tuple[Record, Received[Any] | Verdict]], new: set[str]
    ) -> None:
        events = []
        counts = {"new": 0, "known": 0, "dead": 0}
        for record, message in read_records:
            if _place(record) not in new:
                counts["known"] += 1
            elif isinstance(message, Received):
                counts["new"] += 1
                events.append(message)
            else:
                counts["dead"] += 1
                await set_aside(
                    transaction,
                    record=record,
                    group=self.group,
                    event_id=identity(record),
                    topic=self.topic.dead_letter(self.group),
                    verdict=message,
                )
        if events:
            await self.handler(transaction, events)

        def count() -> None:
            for result, number in counts.items():
                if number:
                    metrics.CONSUMED.labels(self.topic.name, self.group, result).inc(number)

        transaction.after_commit(count)


def _place(record: Record) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"


def _pause(turn: int) -> float:
    """Seconds to wait: doubling from 0.2 to 15, with jitter so that replicas don't come back all at once."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * float(2 ** min(turn, 10))) * random.uniform(0.7, 1.3)  # noqa: S311
