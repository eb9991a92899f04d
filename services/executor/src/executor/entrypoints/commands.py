"""Reads ``runs.commands.v1``.

A loop of its own and not a bus subscription, because a command's effect is a part of the engine's group commit. The rules are the
same: explicit offsets for what is finished, dead letters for what can't be used, waiting in place when a dependency is away.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from executor.application.asked import Asked
from executor.application.commands import Commands
from executor.application.ports import StaleEpoch
from executor.application.run_queue import RunQueue
from executor.application.writer import JournalWriter
from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime import failpoints
from shared.runtime.cloudevents import given_id
from shared.runtime.consumer.batch import MAX_TRANSIENT_TRIES, MAX_TRIES
from shared.runtime.consumer.intake import FETCH_WAIT_MS, METADATA_MS
from shared.runtime.consumer.received import Unusable, identity, read
from shared.runtime.database import may_pass_again, why_away
from shared.runtime.delivery import Outbox
from shared.runtime.delivery.dead import Verdict, set_aside
from shared.runtime.delivery.inbox import enter
from shared.runtime.kafka_closing import close
from shared.runtime.kafka_topics import create_missing, wanted, wanted_dead_letter
from shared.runtime.logging import get_logger
from shared.runtime.origin import Origin
from shared.runtime.parts import Away, NotReady
from shared.runtime.settings import ServiceSettings

log = get_logger(__name__)

_IDLE_MS = 1000
_OFFSETS_EVERY = 0.05
"""Seconds between two commits of offsets. What was finished in between is read again after a crash, and the inbox knows it."""
_BETWEEN_TRIES = 0.2
"""Seconds between two tries of a command that fails."""
_UNDER_WAY = 4
"""Batches whose effects are being written while the next is read."""


class CommandIntake:
    """A part: the consumer of the commands."""

    def __init__(
        self,
        settings: ServiceSettings,
        commands: Commands,
        writer: JournalWriter,
        outbox: Outbox,
        queue: RunQueue,
        origin: Origin,
        *,
        group: str,
        poll: int,
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._writer = writer
        self._outbox = outbox
        self._queue = queue
        self._origin = origin
        self._group = group
        self._poll = poll
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._under_way: deque[tuple[asyncio.Future[None], dict[TopicPartition, int]]] = deque()
        self._finished: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._reread = False
        self.waiting = ""

    async def start(self) -> None:
        """Join the group; raises Away while no broker answers."""
        member = f"executor-{self._settings.instance}"
        dead = wanted_dead_letter(RUNS_COMMANDS.dead_letter(self._group))
        await create_missing(self._settings.kafka, [wanted(RUNS_COMMANDS), dead], self._settings.topic_replication)
        consumer = AIOKafkaConsumer(
            RUNS_COMMANDS.name,
            bootstrap_servers=self._settings.kafka,
            client_id=member,
            group_id=self._group,
            group_instance_id=member,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            metadata_max_age_ms=METADATA_MS,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            max_poll_interval_ms=300_000,
        )
        try:
            async with asyncio.timeout(30):
                await consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            with contextlib.suppress(Exception):
                await close(consumer)
            raise Away(f"Kafka does not answer at {self._settings.kafka}: {error or type(error).__name__}") from error
        self._consumer = consumer
        self._stopping = False
        self._task = asyncio.create_task(self._run(consumer), name="commands")

    async def drain(self) -> None:
        """Take no more, finish what is in hand, commit, leave the group."""
        self._stopping = True
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait([task], timeout=10)
            left = [each for each in (task, self._committing) if each is not None]
            for each in left:
                each.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            self._committing = None
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close(consumer)

    async def stop(self) -> None:
        """Drain, if that was not done before."""
        await self.drain()

    async def check(self) -> None:
        """Readiness: we read, and wait for nothing."""
        if self._task is None or self._task.done():
            raise NotReady("commands are not read")
        if self.waiting:
            raise NotReady(self.waiting)

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        while not self._stopping:
            try:
                if self._reread:
                    await self._again(consumer)
                    self._reread = False
                full = self._queue.room < 0 and not self._queue.crowded()
                if full or self._writer.waiting:
                    await asyncio.sleep(0.05)
                    continue
                records = await consumer.getmany(timeout_ms=_IDLE_MS if not self._under_way else 20, max_records=self._poll)
                flat = [record for batch in records.values() for record in batch]
                if flat:
                    self._reread = True  # however it ends: what was not taken in is not passed by
                    await self._take(flat)
                    self._reread = False
                await self._settle(wait=len(self._under_way) >= _UNDER_WAY)
                self._commit_aside(consumer)
            except (KafkaError, OSError) as error:
                self.waiting = f"Kafka does not answer: {error or type(error).__name__}"
                log.warning("commands wait", reason=self.waiting)
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.waiting = f"commands can't be taken in: {error!r}"
                log.exception("a batch of commands ended in an unexpected error; it is read again")
                self._reread = True
                await asyncio.sleep(1)
            else:
                self.waiting = ""
        while self._under_way:
            await self._settle(wait=True)
        await self._committed(consumer)

    async def _take(self, records: "Sequence[ConsumerRecord[Any, Any]]") -> None:
        """Take a batch in. After an error that nobody has thought of, one by one: what is at fault is set aside, the others go on."""
        error = await self._taken(records)
        if error is None:
            return
        if len(records) > 1:
            log.info("a batch of commands failed; they are taken one by one", commands=len(records), error=repr(error))
        for record in records:
            await self._one(record, error if len(records) == 1 else None)

    async def _taken(self, records: "Sequence[ConsumerRecord[Any, Any]]") -> Exception | None:
        """Take commands in, as often as the database is away; return the error that waiting does not heal."""
        wait = 0.1
        while True:
            try:
                settled = await self._commands.handle(await self._read(records))
            except Exception as error:
                reason = why_away(error) or (str(error) if isinstance(error, StaleEpoch) else None)
                if self._stopping or (reason is None and isinstance(error, KafkaError | OSError)):
                    raise
                if reason is None:
                    return error
                self.waiting = reason
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
            else:
                break
        self.waiting = ""
        self._pass(records, settled)
        return None

    async def _one(self, record: "ConsumerRecord[Any, Any]", error: Exception | None) -> None:
        """Take one command in; set it aside when it fails for good. ``error``: it was tried once already."""
        tries = 0 if error is None else 1
        while True:
            if error is None:
                error = await self._taken([record])
                tries += 1
            if error is None:
                return
            if tries >= (MAX_TRANSIENT_TRIES if may_pass_again(error) else MAX_TRIES):
                break
            await asyncio.sleep(_BETWEEN_TRIES)
            error = None
        log.error("a command fails for good", position=f"{record.topic}:{record.partition}:{record.offset}", exc_info=error)
        await self._set_aside(record, Verdict("failed", f"{type(error).__name__}: {error}", tries))
        self._pass([record])

    def _pass(self, records: "Sequence[ConsumerRecord[Any, Any]]", settled: "asyncio.Future[None] | None" = None) -> None:
        """Pass by these records once ``settled`` resolves; None = their effects stand."""
        if settled is None:
            settled = asyncio.get_running_loop().create_future()
            settled.set_result(None)
        ends: dict[TopicPartition, int] = {}
        for record in records:
            ends[TopicPartition(record.topic, record.partition)] = record.offset + 1
        self._under_way.append((settled, ends))

    async def _read(self, records: "Sequence[ConsumerRecord[Any, Any]]") -> list[Asked]:
        asked: list[Asked] = []
        for record in records:
            try:
                found = self._asked(record)
            except Unusable as unusable:
                await self._set_aside(record, unusable.verdict)
            else:
                if found is not None:
                    asked.append(found)
        return asked

    async def _set_aside(self, record: "ConsumerRecord[Any, Any]", verdict: Verdict) -> None:
        async with self._outbox.transaction() as transaction:
            event_id, position = identity(record), f"{record.topic}:{record.partition}:{record.offset}"
            if await enter(transaction.session, self._group, {event_id: position}):
                topic = RUNS_COMMANDS.dead_letter(self._group)
                await set_aside(transaction, record=record, group=self._group, event_id=event_id, topic=topic, verdict=verdict)
        log.warning("a command is set aside", position=position, reason=verdict.reason)

    def _asked(self, record: "ConsumerRecord[Any, Any]") -> Asked | None:
        """Return the command in a record; None for a tombstone. Raises Unusable."""
        received = read(RUNS_COMMANDS, record)
        if received.event is None:
            return None
        external = not self._origin.ours(received.headers, record.topic, record.key, received.event_id, record.value)
        given, size = given_id(received.headers), len(record.value or b"")
        alone = "" if given == received.event_id else given
        return Asked(received.event, received.event_id, received.position, external, received.traceparent, size, alone)

    async def _settle(self, *, wait: bool) -> None:
        """Take note of the batches whose effects stand: their offsets may be committed."""
        if wait and self._under_way:
            await asyncio.wait([self._under_way[0][0]])
        while self._under_way and self._under_way[0][0].done():
            settled, ends = self._under_way.popleft()
            if settled.cancelled():
                # The epoch was lost before they stood: they are read again, and the inbox knows what is done.
                self._under_way.clear()
                self._reread = True
                return
            self._finished |= ends

    def _commit_aside(self, consumer: AIOKafkaConsumer) -> None:
        """Commit beside the reading, one at a time and so in order: the next command need not wait for the broker's answer."""
        if self._committing is not None and self._committing.done():
            done, self._committing = self._committing, None
            done.result()
        if self._finished and self._committing is None:
            self._committing = asyncio.create_task(self._commit_and_rest(consumer), name="offsets of commands")

    async def _commit_and_rest(self, consumer: AIOKafkaConsumer) -> None:
        await self._commit(consumer)
        await asyncio.sleep(_OFFSETS_EVERY)

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit what is finished."""
        finished, self._finished = self._finished, {}
        if not finished:
            return
        failpoints.hit("commands.before_offsets")
        ours = {tp: offset for tp, offset in finished.items() if tp in consumer.assignment()}
        try:
            if ours:
                await consumer.commit(ours)
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("offsets were refused because partitions moved", error=repr(error))
        except KafkaError:
            self._finished = finished | self._finished
            raise

    async def _committed(self, consumer: AIOKafkaConsumer) -> None:
        """Wait for the commit under way, then commit the rest."""
        committing, self._committing = self._committing, None
        if committing is not None:
            await committing
        await self._commit(consumer)

    async def _again(self, consumer: AIOKafkaConsumer) -> None:
        """Read on from what is committed; what is under way by then is read once more."""
        self._under_way.clear()
        await self._committed(consumer)
        for partition in consumer.assignment():
            committed = await consumer.committed(partition)
            if committed is None:
                await consumer.seek_to_beginning(partition)
            else:
                consumer.seek(partition, committed)
