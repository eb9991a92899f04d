"""Poison on every topic that a service reads: dead-lettered once by each reader, and what stands behind it is handled."""

import asyncio
import sys
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.contracts.topics import TOPICS
from shared.testing.kafka import KafkaPart
from shared.testing.tower import Api
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.chaos]


async def test_poison_on_each_topic_is_set_aside_once_and_followers_are_handled(
    api: Api, bell: str, kafka: KafkaPart, outside: AIOKafkaProducer
) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        dead = {
            topic.name: sorted(name for name in await consumer.topics() if name.startswith(f"{topic.name}.") and name.endswith(".dlq"))
            for topic in TOPICS
        }
        read = {name: letters for name, letters in dead.items() if letters}
        assert len(read) >= 10, f"topics with a reader: {sorted(read)}"
        lanes = {letter: TopicPartition(letter, 0) for letters in read.values() for letter in letters}
        consumer.assign(list(lanes.values()))
        before = await consumer.end_offsets(list(lanes.values()))
        poison = {name: b"{ poison " + uuid.uuid4().hex.encode() for name in read}
        for name, value in poison.items():
            await outside.send_and_wait(name, value, key=b"poison")

        async def all_there() -> bool:
            now = await consumer.end_offsets(list(lanes.values()))
            missing = [letter for letter, lane in lanes.items() if now[lane] < before[lane] + 1]
            if missing:
                raise AssertionError(f"no dead letter yet on {missing}")
            return True

        await eventually(all_there, within=60, every=0.5, about="a dead letter for each topic and reader")
        run = await api.start(bell)
        assert (await api.ended(run, within=60))["status"] == "succeeded"
        await asyncio.sleep(2)
        after = await consumer.end_offsets(list(lanes.values()))
        assert {letter: after[lane] - before[lane] for letter, lane in lanes.items()} == dict.fromkeys(lanes, 1), "each once"
        for name, letters in read.items():
            for letter in letters:
                consumer.seek(lanes[letter], before[lanes[letter]])
                record = await asyncio.wait_for(consumer.getone(lanes[letter]), 15)
                assert record.value == poison[name], f"{letter} keeps the original bytes"
        sys.stdout.write(f"\ninjected: {len(poison)} poisons, for {len(lanes)} readers\n")
    finally:
        await consumer.stop()
