"""Makes the topics of the contracts that are missing. What exists is left as it is.

Bounds against decompression bombs: 32 KB of zstd can unpack to 1 GiB, and the client unpacks without a limit. A topic that
programs outside Flowtower write to is therefore stored *uncompressed*: the broker unpacks each batch as it arrives and
refuses one above ``max.message.bytes``, so a consumer never meets it. Our own topics are stored as lz4: other codecs are
repacked on arrival, and 1 MiB of lz4 unpacks to at most 255 MiB. What this does not cover: the broker itself needs memory
for the largest single record that it unpacks, and a topic that somebody made beforehand keeps its own configuration.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import MAX_MESSAGE_BYTES, Topic
from shared.runtime.logging import get_logger
from shared.runtime.parts import Away

log = get_logger(__name__)

DEAD_LETTER_RETENTION = timedelta(days=14)
_ROOM = 65_536
"""Bytes for key, headers and framing beside the value."""


@dataclass(frozen=True)
class Wanted:
    """A topic as it should be."""

    name: str
    partitions: int
    config: Mapping[str, str]


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))


def wanted(topic: Topic) -> Wanted:
    """Return what the contract of ``topic`` asks of the broker."""
    config = {
        "max.message.bytes": str(MAX_MESSAGE_BYTES + _ROOM),
        "compression.type": "uncompressed" if topic.external else "lz4",
    }
    if topic.compacted:
        config["cleanup.policy"] = "compact"
    else:
        config["retention.ms"] = _milliseconds(topic.retention)
    return Wanted(topic.name, topic.partitions, config)


def wanted_dead_letter(name: str) -> Wanted:
    """Return the topic for dead letters: room for the message and for what is added to its headers."""
    return Wanted(
        name,
        1,
        {
            "max.message.bytes": str(2 * MAX_MESSAGE_BYTES),
            "compression.type": "lz4",
            "retention.ms": _milliseconds(DEAD_LETTER_RETENTION),
        },
    )


async def create_missing(bootstrap: str, topics: Iterable[Wanted], replication: int) -> list[str]:
    """Make what is missing and return its names. Raises Away when no broker answers."""
    asked = {topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=10_000)
    try:
        await admin.start()
        present = set(await admin.list_topics())
        missing = [topic for topic in asked.values() if topic.name not in present]
        for topic in missing:
            await _create(admin, topic, replication)
    except (KafkaError, OSError, AttributeError) as error:
        # aiokafka's admin fails with an AttributeError while no controller is elected.
        raise Away(f"Kafka does not answer at {bootstrap}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
    return [topic.name for topic in missing]


async def _create(admin: AIOKafkaAdminClient, topic: Wanted, replication: int) -> None:
    new = NewTopic(topic.name, topic.partitions, replication, topic_configs=dict(topic.config))
    response = await admin.create_topics([new], timeout_ms=10_000)
    for _name, code, *message in response.topic_errors:
        if code == 0:
            log.info("created topic", topic=topic.name, partitions=topic.partitions)
        elif for_code(code) is not TopicAlreadyExistsError:
            raise Away(f"Kafka did not create topic {topic.name}: {for_code(code).__name__} {message[0] if message else ''}".rstrip())
