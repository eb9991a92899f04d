"""Listens to a topic for triggers: all of its partitions, from where the group has come to."""

from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from executor.application.ports import Endpoint
from executor.connectors.kafka.session import explained, partitions_of
from executor.domain.triggers.message import Heard


class TopicListening:
    """The port Listening. The group keeps offsets and has no members: whoever holds the trigger's lease reads."""

    def __init__(self, consumer: AIOKafkaConsumer, endpoint: Endpoint, topic: str) -> None:
        self._consumer = consumer
        self._endpoint = endpoint
        self._topic = topic
        self._next: dict[int, int] = {}
        self.gone = 0

    async def open(self, *, from_start: bool) -> None:
        with explained(self._endpoint):
            await self._take(await self._numbers(), from_start=from_start)

    async def _numbers(self) -> list[int]:
        return await partitions_of(self._consumer._client, self._endpoint, self._topic)  # noqa: SLF001 - the consumer has no public name for it

    async def _take(self, numbers: Sequence[int], *, from_start: bool) -> None:
        """Read these partitions. What is new in a topic that we know is read whole; a topic new to us from its end."""
        parts = [TopicPartition(self._topic, number) for number in numbers]
        self._consumer.assign(parts)
        committed = {tp: await self._consumer.committed(tp) for tp in parts}
        whole = from_start or any(offset is not None for offset in committed.values())
        first = await self._consumer.beginning_offsets(parts)
        end = await self._consumer.end_offsets(parts)
        fresh: dict[TopicPartition, int] = {}
        for tp, known in committed.items():
            start = known
            if start is None or start > end[tp]:
                # Behind the end: the topic was made anew under its old name.
                start = fresh[tp] = first[tp] if whole else end[tp]
            elif start < first[tp]:
                self.gone += first[tp] - start
                start = first[tp]
            self._next[tp.partition] = start
            self._consumer.seek(tp, start)
        if fresh:
            # Now, so that a restart before the first message loses none.
            await self._consumer.commit(fresh)

    async def read(self, most: int, seconds: float) -> list[Heard]:
        with explained(self._endpoint):
            batches = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
        found: list[Heard] = []
        for tp, records in batches.items():
            found += [Heard(r.topic, r.partition, r.offset, r.key, r.value, r.headers, r.timestamp) for r in records]
            self._next[tp.partition] = records[-1].offset + 1
        return found

    async def commit(self, ends: Mapping[int, int]) -> None:
        with explained(self._endpoint):
            await self._consumer.commit({TopicPartition(self._topic, number): offset for number, offset in ends.items()})

    async def pass_over(self) -> tuple[int, str]:
        parts = [TopicPartition(self._topic, number) for number in self._next]
        with explained(self._endpoint):
            ends = await self._consumer.end_offsets(parts)
            ahead = {tp: end for tp, end in ends.items() if end > self._next[tp.partition]}
            if not ahead:
                return 0, ""
            passed = sum(end - self._next[tp.partition] for tp, end in ahead.items())
            for tp, end in ahead.items():
                self._consumer.seek(tp, end)
                self._next[tp.partition] = end
            await self._consumer.commit(ahead)
        last, end = max(ahead.items(), key=lambda item: item[1])
        return passed, f"{self._topic}:{last.partition}:{end - 1}"

    async def look(self) -> None:
        with explained(self._endpoint):
            numbers = await self._numbers()
            if set(numbers) != set(self._next):
                await self._take(numbers, from_start=True)
