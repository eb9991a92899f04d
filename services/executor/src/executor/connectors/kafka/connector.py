"""Kafka topics: take a window, read it, write to a topic."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from executor.application.ports import Endpoint, Message, Outcome, Permanent, Place, Work
from executor.connectors.kafka.config import KIND
from executor.connectors.kafka.listening import TopicListening
from executor.connectors.kafka.session import consuming, explained, partitions_of, producing
from shared.runtime.egress import Egress

ORIGIN = "flowtower-id"
"""Header that names a moved message: run, component, generation and where it came from."""

_POLL_MS = 500


class KafkaConnector:
    kind = KIND

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        async with consuming(self._egress, endpoint) as consumer:
            cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - the consumer has no public name for it
            topics = sorted(topic for topic in cluster.topics() if not topic.startswith("__"))
            brokers = [f"{broker.host}:{broker.port}" for broker in cluster.brokers()]
        return {"brokers": brokers, "topics": len(topics), "some_topics": topics[:20]}

    async def begin(self, work: Work) -> Outcome:
        """Take the window that followers read: the same one on each of their attempts, whatever is written meanwhile."""
        endpoint, options = work.place.system, work.place.options
        async with consuming(self._egress, endpoint) as consumer:
            with explained(endpoint):
                parts = await _partitions(consumer, endpoint, options.topic)
                first = await _offsets(consumer, parts, options.since, at_end=False)
                last = await _offsets(consumer, parts, options.until, at_end=True)
        window = {str(tp.partition): [first[tp], max(first[tp], last[tp])] for tp in parts}
        count = sum(end - start for start, end in window.values())
        text = f"{count} messages from {len(window)} partitions of “{options.topic}”."
        return Outcome({"topic": options.topic, "partitions": window, "messages": count}, message=text)

    @asynccontextmanager
    async def reader(self, work: Work, source: Place, resume: dict[int, int]) -> AsyncIterator["KafkaReader"]:
        endpoint = source.system
        async with consuming(self._egress, endpoint) as consumer:
            with explained(endpoint):
                reader = KafkaReader(consumer, work, source, resume)
                await reader.open()
                yield reader

    @asynccontextmanager
    async def listen(self, endpoint: Endpoint, topic: str, *, group: str, from_start: bool) -> AsyncIterator["TopicListening"]:
        async with consuming(self._egress, endpoint, group) as consumer:
            listening = TopicListening(consumer, endpoint, topic)
            await listening.open(from_start=from_start)
            yield listening

    @asynccontextmanager
    async def writer(self, work: Work) -> AsyncIterator["KafkaWriter"]:
        endpoint = work.place.system
        async with producing(self._egress, endpoint) as producer:
            with explained(endpoint):
                await partitions_of(producer.client, endpoint, work.place.options.topic)
                yield KafkaWriter(producer, work)


async def _partitions(consumer: AIOKafkaConsumer, endpoint: Endpoint, topic: str) -> list[TopicPartition]:
    numbers = await partitions_of(consumer._client, endpoint, topic)  # noqa: SLF001 - the consumer has no public name for it
    parts = [TopicPartition(topic, number) for number in numbers]
    consumer.assign(parts)
    return parts


async def _offsets(
    consumer: AIOKafkaConsumer, parts: list[TopicPartition], when: str | datetime, *, at_end: bool
) -> dict[TopicPartition, int]:
    """Return per partition the offset that a time means: of the first message at or behind it, else the end."""
    if not isinstance(when, datetime):
        found: dict[TopicPartition, int] = await (consumer.end_offsets(parts) if at_end else consumer.beginning_offsets(parts))
        return found
    ends = await consumer.end_offsets(parts)
    stamp = int(when.timestamp() * 1000)
    times = await consumer.offsets_for_times(dict.fromkeys(parts, stamp))
    return {tp: times[tp].offset if times.get(tp) else ends[tp] for tp in parts}


class KafkaReader:
    """Reads a window of a topic, partition by partition in order."""

    def __init__(self, consumer: AIOKafkaConsumer, work: Work, source: Place, resume: dict[int, int]) -> None:
        self._consumer = consumer
        self._work = work
        self._endpoint = source.system
        self._topic: str = source.output["topic"]
        self._window = {int(number): (start, end) for number, (start, end) in source.output["partitions"].items()}
        # A topic that this run has filled may hold messages of others between ours.
        self._only: str | None = source.output.get("origin")
        self._next = {number: resume.get(number, start) for number, (start, _) in self._window.items()}
        self.total: int | None = source.output.get("messages")
        self._prefix = work.origin(source)

    async def open(self) -> None:
        parts = [TopicPartition(self._topic, number) for number in self._open_lanes()]
        self._consumer.assign(parts)
        if not parts:
            return
        first = await self._consumer.beginning_offsets(parts)
        for tp in parts:
            if first[tp] > self._next[tp.partition]:
                text = (
                    f"Messages {self._next[tp.partition]} to {first[tp] - 1} of partition {tp.partition} of “{self._topic}” were deleted "
                    "by its retention before they could be read. Retry the source component to take a new window."
                )
                raise Permanent("MessagesGone", text)
            self._consumer.seek(tp, self._next[tp.partition])

    def _open_lanes(self) -> list[int]:
        return [number for number, (_, end) in self._window.items() if self._next[number] < end]

    async def read(self, most: int) -> list[Message]:
        with explained(self._endpoint):
            return await self._read(most)

    async def _read(self, most: int) -> list[Message]:
        found: list[Message] = []
        while not found and self._open_lanes():
            parts = [TopicPartition(self._topic, number) for number in self._open_lanes()]
            records = await self._consumer.getmany(*parts, timeout_ms=_POLL_MS, max_records=most)
            for tp, batch in records.items():
                end = self._window[tp.partition][1]
                found += [self._message(record) for record in batch if record.offset < end and self._ours(record)]
                self._next[tp.partition] = min(batch[-1].offset + 1, end)
            if not records:
                await self._skip_gaps(parts)
        return found

    async def _skip_gaps(self, parts: list[TopicPartition]) -> None:
        """Go on behind what no reader ever sees: markers of transactions, and what compaction took."""
        for tp in parts:
            self._next[tp.partition] = max(self._next[tp.partition], min(await self._consumer.position(tp), self._window[tp.partition][1]))

    def _ours(self, record: Any) -> bool:
        if self._only is None:
            return True
        return any(name == ORIGIN and (value or b"").startswith(self._only.encode()) for name, value in record.headers)

    def _message(self, record: Any) -> Message:
        origin = f"{self._prefix}:{record.partition}:{record.offset}"
        headers = [(name, value) for name, value in record.headers if name != ORIGIN]
        return Message(record.value or b"", record.key, headers, record.partition, record.offset, origin, origin, record.timestamp)

    async def done(self, messages: Sequence[Message]) -> None:
        """Nothing to do: a topic keeps its messages, and the checkpoint knows how far we are."""

    def skip(self, count: int) -> None:
        """Nothing to do: a topic is read from where the checkpoint stands."""


class KafkaWriter:
    """Writes to a topic; messages of one key stay in order, because one producer sends them."""

    def __init__(self, producer: AIOKafkaProducer, work: Work) -> None:
        self._producer = producer
        self._topic: str = work.place.options.topic
        self._traceparent = work.traceparent
        self._written: dict[int, list[int]] = {}

    async def send(self, messages: Sequence[Message]) -> "asyncio.Future[Any]":
        sent = []
        for message in messages:
            headers = [(name, value if value is not None else b"") for name, value in message.headers]
            headers.append((ORIGIN, message.name.encode()))
            if self._traceparent and all(name != "traceparent" for name, _ in headers):
                headers.append(("traceparent", self._traceparent.encode()))
            stamp = message.timestamp_ms if message.timestamp_ms is not None else int(time.time() * 1000)
            sent.append(await self._producer.send(self._topic, message.body, key=message.key, headers=headers, timestamp_ms=stamp))
        return asyncio.ensure_future(self._confirmed(sent))

    async def _confirmed(self, sent: "list[asyncio.Future[Any]]") -> None:
        for answer in await asyncio.gather(*sent):
            seen = self._written.setdefault(answer.partition, [answer.offset, answer.offset + 1])
            seen[0] = min(seen[0], answer.offset)
            seen[1] = max(seen[1], answer.offset + 1)

    def wrote(self) -> dict[str, Any]:
        return {"topic": self._topic, "partitions": {str(number): list(ends) for number, ends in self._written.items()}}
