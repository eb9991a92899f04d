"""Whether the copy of a registry is as new as its topic: asked before something fails because a workflow or an endpoint is not there."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.topics import Topic
from shared.runtime.kafka_closing import close
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_LOOK_SECONDS = 0.2


class RegistryLag:
    """Compares what the group of the copies has committed with the ends of the topic."""

    def __init__(self, bootstrap: str, topic: Topic, group: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._group = group

    async def caught_up(self) -> None:
        """Return when everything that stands in the topic now is in the copy. Raises KafkaError when no broker answers; may be cut."""
        # It names the group to read its offsets, and assigns itself nothing of it.
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=self._group, enable_auto_commit=False)
        try:
            await consumer.start()
            parts = [TopicPartition(self._topic.name, number) for number in range(self._topic.partitions)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            starts = await consumer.beginning_offsets(parts)
            turn = 0
            while behind := [tp for tp in parts if ends[tp] > (await consumer.committed(tp) or 0) and ends[tp] > starts[tp]]:
                if turn % 25 == 0:
                    log.info("the copy of a registry is waited for", topic=self._topic.name, behind=len(behind))
                turn += 1
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            with contextlib.suppress(Exception):
                await close(consumer)

    async def while_kafka_answers(self) -> None:
        """Return the same way, or at once when no broker answers: then nobody can tell what the copy lacks."""
        try:
            await self.caught_up()
        except KafkaError as error:
            log.warning("whether the copy of a registry is behind is unknown", topic=self._topic.name, error=repr(error))
