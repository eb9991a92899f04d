"""Commands are committed explicitly, and only when their effects stand; idle or not, all of them in the end."""

import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from executor.adapters.journal import COMMANDS
from shared.contracts.runs import StartRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected


async def test_what_stands_in_the_journal_is_committed(executor: Any, tower: Any, flow: Any, kafka: KafkaPart) -> None:
    await flow.fill(1)
    await tower.publish(flow.definition(service=False))
    runs = [uuid.uuid4().hex for _ in range(30)]
    for run in runs:
        await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
    for run in runs:
        await tower.until(run, "run.started", within=30)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=COMMANDS, enable_auto_commit=False)
    await consumer.start()
    try:
        lanes = [TopicPartition(RUNS_COMMANDS.name, number) for number in range(RUNS_COMMANDS.partitions)]
        consumer.assign(lanes)
        ends = await consumer.end_offsets(lanes)
        assert sum(ends.values()) >= len(runs)

        async def committed() -> bool:
            return {lane: await consumer.committed(lane) or 0 for lane in lanes} == ends

        await eventually(committed, within=15, about="the offsets of all commands")
    finally:
        await consumer.stop()
    assert executor.process.running
