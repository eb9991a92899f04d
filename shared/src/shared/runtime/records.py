"""Messages as Kafka takes and gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class OutgoingRecord:
    """One Kafka record to be sent. ``value`` None is a tombstone."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class Record(Protocol):
    """What a consumer gets, the parts of aiokafka's record that are used."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
