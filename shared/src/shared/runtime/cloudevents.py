"""CloudEvents 1.0 in Kafka's binary mode: attributes in headers, the JSON value alone in the value.

Headers from outside are untrusted: each is read as bounded text, and what is missing is filled in from the record itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.runtime import clock
from shared.runtime.ids import new_id
from shared.runtime.records import Headers

_MAX_HEADER = 1024


@dataclass(slots=True)
class Attributes:
    """Who says what happened, and when."""

    event_id: str
    type: str
    source: str
    time: datetime
    traceparent: str | None


def headers_of(
    *, event_type: str, source: str, subject: str, event_id: str | None = None, traceparent: str | None = None, tombstone: bool = False
) -> tuple[str, Headers]:
    """Return the event's id and its headers."""
    identity = event_id or new_id()
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", identity.encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", clock.now().isoformat(timespec="milliseconds").encode()),
        ("ce_subject", subject.encode()),
    ]
    if not tombstone:
        headers.append(("content-type", b"application/json"))
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return identity, headers


def by_name(headers: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Return headers by lower-case name; of a repeated one the first counts."""
    named: dict[str, bytes] = {}
    for name, value in headers:
        named.setdefault(name.lower(), value or b"")
    return named


def _text(headers: Mapping[str, bytes], name: str) -> str | None:
    value = headers.get(name)
    if not value or len(value) > _MAX_HEADER:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def attributes_of(headers: Mapping[str, bytes], *, topic: str, partition: int, offset: int, timestamp_ms: int) -> Attributes:
    """Read a record's attributes.

    A record without them gets an id made of its place in the log and its time: the same at every delivery, so it is still
    handled once, and another one when a topic of this name is made anew.
    """
    written = datetime.fromtimestamp(max(timestamp_ms, 0) / 1000, UTC)
    time = written
    if text := _text(headers, "ce_time"):
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = written
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
    return Attributes(
        event_id=_text(headers, "ce_id") or f"{topic}:{partition}:{offset}:{timestamp_ms}",
        type=_text(headers, "ce_type") or topic,
        source=_text(headers, "ce_source") or "external",
        time=time,
        traceparent=_text(headers, "traceparent"),
    )
