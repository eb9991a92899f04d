import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import TopicAlreadyExistsError

from shared.testing.kafka import KafkaPart
from shared.testing.ports import answers

pytestmark = pytest.mark.connected


async def write(kafka: KafkaPart, topic: str, count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True, compression_type="lz4")
    await producer.start()
    try:
        sent = [await producer.send(topic, str(number).encode(), key=b"k") for number in range(count)]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def test_acknowledged_records_are_there_after_kill_9(kafka: KafkaPart) -> None:
    await kafka.create_topic("kept", partitions=2)
    await write(kafka, "kept", 500)
    await asyncio.to_thread(kafka.kill)
    assert not answers(kafka.port)
    await asyncio.to_thread(kafka.start)
    records = await kafka.read("kept", at_least=500, within=30)
    assert [record.value for record in records] == [str(number).encode() for number in range(500)]


async def test_a_topic_is_not_made_by_writing_to_it(kafka: KafkaPart) -> None:
    await kafka.create_topic("once")
    with pytest.raises(TopicAlreadyExistsError):
        await kafka.create_topic("once")
