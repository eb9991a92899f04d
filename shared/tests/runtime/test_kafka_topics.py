"""Topics as the contracts ask for them, and what the broker then refuses."""

import cramjam
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from shared.contracts.topics import MAX_MESSAGE_BYTES, TOPICS, Topic
from shared.runtime.kafka_topics import create_missing, wanted, wanted_dead_letter
from shared.runtime.parts import Away
from shared.testing.ports import free_port


def test_every_topic_bounds_what_it_carries() -> None:
    for topic in TOPICS:
        asked = wanted(topic)
        assert MAX_MESSAGE_BYTES < int(asked.config["max.message.bytes"]) <= MAX_MESSAGE_BYTES + 65_536
        assert asked.config["compression.type"] == ("uncompressed" if topic.external else "lz4")
        assert ("retention.ms" in asked.config) != topic.compacted
        assert (asked.config.get("cleanup.policy") == "compact") == topic.compacted


@pytest.mark.connected
async def test_missing_topics_are_made_once(kafka, notes) -> None:
    asked = [wanted(notes), wanted_dead_letter(notes.dead_letter("g"))]
    assert await create_missing(kafka.bootstrap, asked, 1) == [topic.name for topic in asked]
    assert await create_missing(kafka.bootstrap, asked, 1) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, notes.name)])
        values = {entry[0]: entry[1] for entry in answer.resources[0][4]}
        (described,) = await admin.describe_topics([notes.name])
    finally:
        await admin.close()
    assert {name: values[name] for name in wanted(notes).config} == dict(wanted(notes).config)
    assert len(described["partitions"]) == notes.partitions


async def test_a_broker_that_does_not_answer_is_away(notes) -> None:
    with pytest.raises(Away, match="does not answer"):
        await create_missing(f"127.0.0.1:{free_port()}", [wanted(notes)], 1)


@pytest.mark.connected
@pytest.mark.parametrize(
    ("codec", "writer", "size"), [("gzip", "external", 40), ("zstd", "external", 40), ("lz4", "external", 40), ("lz4", "gateway", 300)]
)
async def test_a_batch_that_unpacks_to_too_much_never_reaches_a_consumer(kafka, notes, codec, writer, size) -> None:
    """40 MB of zeros are 4 KB of zstd. The broker unpacks what comes from outside as it arrives, and refuses it."""
    topic = Topic(f"{notes.name}.{codec}", notes.message, "key", (writer,), ("station",), partitions=1)
    await create_missing(kafka.bootstrap, [wanted(topic)], 1)
    size *= 1_000_000
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap,
        compression_type=codec,
        max_request_size=2 * size,
        max_batch_size=2 * size,
        request_timeout_ms=60_000,
    )
    await producer.start()
    try:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic.name, bytes(size))
        await producer.send_and_wait(topic.name, b'{"number":1}')
    finally:
        await producer.stop()
    (record,) = await kafka.read(topic.name, at_least=1)
    assert record.value == b'{"number":1}'


def test_without_that_bound_a_few_bytes_would_become_many() -> None:
    assert len(cramjam.zstd.compress(bytes(40_000_000))) < 4_000
