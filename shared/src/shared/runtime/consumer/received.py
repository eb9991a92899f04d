"""A message as a handler sees it, and how a record becomes one."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from shared.contracts.topics import MAX_MESSAGE_BYTES, Topic
from shared.runtime.cloudevents import attributes_of, by_name
from shared.runtime.delivery.dead import Verdict
from shared.runtime.delivery.transaction import Transaction
from shared.runtime.records import Record

M = TypeVar("M")


@dataclass(slots=True)
class Received(Generic[M]):
    """One event. ``event`` None is a tombstone: what ``key`` names is gone."""

    event: M | None
    event_id: str
    type: str
    source: str
    time: datetime
    traceparent: str | None
    topic: str
    partition: int
    offset: int
    key: str | None
    headers: dict[str, bytes]

    @property
    def position(self) -> str:
        """Where it stands in the log."""
        return f"{self.topic}:{self.partition}:{self.offset}"


Handler = Callable[[Transaction, Sequence[Received[Any]]], Awaitable[None]]
"""Called with the events that are new, in order, inside their transaction. No network calls, no waiting for other things."""


class Reject(Exception):
    """Raised by a handler for one message that can never be used: it becomes a dead letter at once, with this reason."""


class Unusable(Exception):
    """A record that is no message of its topic."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def _told(error: ValidationError) -> str:
    """Return which fields are wrong and why, without the values: they may hold secrets, and the dead letter has them anyway."""
    problems = [
        f"{'.'.join(str(part) for part in e['loc']) or 'message'}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)
    ]
    more = f" (and {len(problems) - 10} more)" if len(problems) > 10 else ""
    return "; ".join(problems[:10]) + more


def read(topic: Topic, record: Record) -> Received[Any]:
    """Return the message in ``record``; raise Unusable with the reason when it is none."""
    headers = by_name(record.headers)
    attributes = attributes_of(headers, topic=record.topic, partition=record.partition, offset=record.offset, timestamp_ms=record.timestamp)
    return Received(
        event=_event(topic, record.value),
        event_id=attributes.event_id,
        type=attributes.type,
        source=attributes.source,
        time=attributes.time,
        traceparent=attributes.traceparent,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=_key(record.key),
        headers=headers,
    )


def identity(record: Record) -> str:
    """Return the id of a record that may be no message."""
    return attributes_of(
        by_name(record.headers), topic=record.topic, partition=record.partition, offset=record.offset, timestamp_ms=record.timestamp
    ).event_id


def _key(key: bytes | None) -> str | None:
    if key is None:
        return None
    try:
        text = key.decode()
    except UnicodeDecodeError as error:
        raise Unusable(Verdict("undecodable", f"the key is not UTF-8: {error.reason} at byte {error.start}")) from error
    if "\x00" in text:
        raise Unusable(Verdict("undecodable", "the key holds a NUL character"))
    return text


def _event(topic: Topic, value: bytes | None) -> Any:
    if value is None:
        return None
    if len(value) > MAX_MESSAGE_BYTES:
        raise Unusable(Verdict("too_large", f"{len(value)} bytes; the most is {MAX_MESSAGE_BYTES}"))
    try:
        return topic.decode(value)
    except ValidationError as error:
        kind = (
            "undecodable" if any(e["type"] == "json_invalid" for e in error.errors(include_url=False, include_input=False)) else "invalid"
        )
        raise Unusable(Verdict("undecodable" if kind == "undecodable" else "invalid", _told(error))) from error
    except (ValueError, RecursionError) as error:
        raise Unusable(Verdict("undecodable", f"{type(error).__name__}: {error}")) from error
