"""One subscription: FastStream's batch subscriber in front, our acknowledgement behind.

FastStream's own acknowledgement policies lose messages or spin on a poisonous one, and it only logs commits that fail. So every
subscriber is made here, with ``AckPolicy.MANUAL``, its parser and decoder replaced by ones that can't fail, and offsets are
committed explicitly for what is finished and for partitions that are still ours.
"""

import asyncio
import time
from collections import deque
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.message import StreamMessage

from shared.runtime import failpoints, metrics
from shared.runtime.consumer.batch import Batches, Lost
from shared.runtime.logging import get_logger
from shared.runtime.records import Record

log = get_logger(__name__)

IDLE_WAIT_MS = 1_000
"""How long a fetch waits for news. It returns at once when there are any, so this is no delay."""
FETCH_WAIT_MS = 1_500
"""How long a broker keeps a fetch that finds nothing; aiokafka's own 500 ms are a third of an idle service's processor time."""
METADATA_MS = 15_000
"""How old a client's picture of the topics may grow. A group that was joined before a broker knew a new topic's partitions reads none
of them until the next look; aiokafka's own 300 s are too long for that."""
SESSION_MS, HEARTBEAT_MS, MAX_POLL_MS = 10_000, 3_000, 300_000
REVOKE_WAIT_SECONDS = 20
"""How long a rebalance waits for the batch in hand; below the 60 s in which every member must come back."""
CHURN_JOINS, CHURN_SECONDS = 5, 60


class PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Waits for news inside the fetch, and remembers what keeps it from fetching.

    FastStream sleeps after an empty fetch, so its own wait is set to almost nothing. After an error it sleeps and fetches again,
    for ever: some errors of aiokafka never end, so they must be seen from outside.
    """

    trouble: str = ""
    trouble_since: float = 0.0

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None) -> Any:  # noqa: ARG002
        try:
            records = await super().getmany(*partitions, timeout_ms=IDLE_WAIT_MS, max_records=max_records)
        except KafkaError as error:
            if not self.trouble:
                self.trouble_since = time.monotonic()
            self.trouble = repr(error)
            raise
        self.trouble = ""
        return records


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]
    """The consumer of one topic for one use. ``progressed`` is the monotonic time of the last finished batch or try of one."""

    def __init__(self, batches: Batches, *, member: str, max_records: int) -> None:
        self.batches = batches
        self.group = batches.group
        self.topic = batches.topic
        self._member = member
        self._max_records = max_records
        self._subscriber: BatchSubscriber | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._lost: set[TopicPartition] = set()
        self._finished: dict[TopicPartition, int] = {}
        """Offsets of finished prefixes that Kafka has not confirmed yet."""
        self.progressed = time.monotonic()
        self._joined: deque[float] = deque(maxlen=CHURN_JOINS)
        batches.lost = self._lost.__contains__
        batches.tried = self._note_progress

    def subscribe(self, broker: KafkaBroker) -> None:
        """Declare the subscriber at ``broker``."""
        subscriber = broker.subscriber(
            self.topic.name,
            batch=True,
            group_id=self.group,
            group_instance_id=self._member,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            batch_timeout_ms=1,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_records=self._max_records,
            listener=self,
            parser=_parse,
            decoder=_decode,
            no_reply=True,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=MAX_POLL_MS,
            rebalance_timeout_ms=60_000,
            title=self.group,
            description=self.topic.about,
        )
        subscriber(self._take)
        self._subscriber = subscriber

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The live client, while there is one."""
        return self._subscriber.consumer if self._subscriber is not None else None

    async def _take(self, records: Any) -> None:
        """Carry one batch (a list of records) through. Never raises: FastStream would only log it and go on behind the batch.

        FastStream builds a model of the parameters, even where it is told not to use it, so they are not annotated more closely.
        """
        self._idle.clear()
        began = time.monotonic()
        try:
            await self.batches.run(records)
            finished: dict[TopicPartition, int] = {}
            for record in records:
                partition = TopicPartition(record.topic, record.partition)
                finished[partition] = max(finished.get(partition, 0), record.offset + 1)
            failpoints.hit("consumer.before_offsets")
            self._finished.update(finished)
            await self.commit()
            failpoints.hit("consumer.after_offsets")
            metrics.BATCH_SECONDS.labels(self.group).observe(time.monotonic() - began)
        except Lost:
            log.info("a batch that waited is left to whoever reads its partitions next", group=self.group, messages=len(records))
            self._go_back(records)
        except Exception:
            log.exception("a batch ended in an unexpected error; it will be read again", group=self.group)
            self._go_back(records)
            await asyncio.sleep(1)
        finally:
            self._idle.set()

    def _go_back(self, records: list[Record]) -> None:
        consumer = self.consumer
        if consumer is None:
            return
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for partition, offset in first.items():
            if partition in consumer.assignment():
                consumer.seek(partition, offset)

    async def commit(self) -> None:
        """Commit the finished prefixes of partitions that are ours. What Kafka does not take now is tried again with the next batch."""
        consumer = self.consumer
        ours = consumer.assignment() if consumer is not None else set()
        offsets = {partition: offset for partition, offset in self._finished.items() if partition in ours}
        self._finished = dict(offsets)
        if consumer is None or not offsets:
            return
        try:
            await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # The partitions are somebody else's by now: that one reads again, and the inbox knows what is done.
            metrics.COMMIT_FAILURES.labels(self.group).inc()
            log.warning("offsets were refused because partitions moved", group=self.group, error=repr(error))
            self._finished.clear()
        except KafkaError as error:
            metrics.COMMIT_FAILURES.labels(self.group).inc()
            log.warning("offsets could not be committed; they go with the next batch", group=self.group, error=repr(error))
        else:
            self.progressed = time.monotonic()
            for partition, offset in offsets.items():
                if self._finished.get(partition) == offset:
                    del self._finished[partition]

    @property
    def trouble(self) -> tuple[str, float]:
        """What keeps the client from fetching, and for how many seconds; empty when it fetches."""
        consumer = self.consumer
        if not isinstance(consumer, PatientConsumer) or not consumer.trouble:
            return "", 0.0
        return consumer.trouble, time.monotonic() - consumer.trouble_since

    @property
    def churn(self) -> str:
        """Why the group does not come to rest; empty when it does. Two processes under one name take the place from each other."""
        if len(self._joined) < CHURN_JOINS or self._joined[0] < time.monotonic() - CHURN_SECONDS:
            return ""
        return (
            f"joined its group {CHURN_JOINS} times in {CHURN_SECONDS} s; does another process run as {self._member}, too?"
            " Give each replica a FLOWTOWER_INSTANCE of its own"
        )

    @property
    def uncommitted(self) -> bool:
        """Whether finished work waits for Kafka to take its offsets."""
        return bool(self._finished)

    @property
    def busy(self) -> bool:
        """Whether a batch is in hand."""
        return not self._idle.is_set()

    def state(self) -> dict[str, object]:
        """Return what a log line about a standstill needs to say."""
        consumer = self.consumer
        return {
            "topic": self.topic.name,
            "group": self.group,
            "member": self._member,
            "in_hand": self.busy,
            "uncommitted": {f"{p.topic}:{p.partition}": offset for p, offset in self._finished.items()},
            "trouble": self.trouble[0],
            "assigned": sorted(p.partition for p in consumer.assignment()) if consumer is not None else [],
        }

    def _note_progress(self) -> None:
        self.progressed = time.monotonic()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let the batch in hand finish and commit before the partitions go; give up waiting before the group gives up on us."""
        if not revoked:
            return
        try:
            async with asyncio.timeout(REVOKE_WAIT_SECONDS if not self.batches.waiting else 0.5):
                await self._idle.wait()
        except TimeoutError:
            log.warning("a batch in hand outlasts the rebalance; the inbox keeps it from being handled twice", group=self.group)
        self._lost.update(revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take note of what is ours now."""
        self._lost.difference_update(assigned)
        self.progressed = time.monotonic()
        self._joined.append(self.progressed)
        if self.churn:
            log.warning("a consumer joins its group again and again", group=self.group, member=self._member, reason=self.churn)

    async def lag(self) -> int:
        """Return how many messages of our partitions are not finished. Asks the brokers."""
        consumer = self.consumer
        partitions = list(consumer.assignment()) if consumer is not None else []
        if consumer is None:
            return 0
        if not partitions:
            # Nothing is ours; the question is whether brokers answer at all.
            await consumer.topics()
            return 0
        # Offsets come over the connection of the fetches, each question behind one that may wait for news: ask once, for all.
        ends = {partition: end for partition, end in (await consumer.end_offsets(partitions)).items() if end}
        done = {partition: await consumer.committed(partition) for partition in ends}
        if unread := [partition for partition, offset in done.items() if offset is None]:
            done |= await consumer.beginning_offsets(unread)
        return sum(max(0, end - done[partition]) for partition, end in ends.items())


async def _parse(records: tuple[Record, ...]) -> StreamMessage[Any]:
    """Wrap a batch without looking into it: a header that is no text must not cost the batch."""
    return KafkaMessage(
        body=b"",
        headers={},
        batch_headers=[],
        content_type=None,
        message_id="",
        correlation_id="",
        raw_message=records,
        consumer=_NO_CONSUMER,
    )


async def _decode(message: StreamMessage[Any]) -> list[Record]:
    return list(message.raw_message)


class _NoConsumer:
    """Stands where FastStream's own acknowledgement would reach for the consumer; with AckPolicy.MANUAL it never does."""

    async def commit(self) -> None:
        raise AssertionError("offsets are committed by the intake alone")

    def seek(self, partition: TopicPartition, offset: int) -> None:  # noqa: ARG002  (FastStream's protocol)
        raise AssertionError("positions are changed by the intake alone")


_NO_CONSUMER = _NoConsumer()
