"""A message as Kafka takes it."""

from dataclasses import dataclass

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class OutgoingRecord:
    """One Kafka record to be sent. ``value`` None is a tombstone."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
