"""Whether the copy of the workflows is as new as the topic: asked before a start is refused because its workflow is not there."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import WORKFLOWS_REGISTRY
from shared.runtime.kafka_closing import close
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_LOOK_SECONDS = 0.2


class RegistryLag:
    """Compares what the group of the copies has committed with the ends of the topic."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._group = group

    async def caught_up(self) -> None:
        """Return when everything that stands in the topic now is in the copy. Raises KafkaError while no broker answers; may be cut."""
        # It names the group to read its offsets, and assigns itself nothing of it.
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=self._group, enable_auto_commit=False)
        try:
            await consumer.start()
            parts = [TopicPartition(WORKFLOWS_REGISTRY.name, number) for number in range(WORKFLOWS_REGISTRY.partitions)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            starts = await consumer.beginning_offsets(parts)
            turn = 0
            while behind := [tp for tp in parts if ends[tp] > (await consumer.committed(tp) or 0) and ends[tp] > starts[tp]]:
                if turn % 25 == 0:
                    log.info("a start waits for the copy of the workflows", behind=len(behind))
                turn += 1
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            with contextlib.suppress(Exception):
                await close(consumer)
