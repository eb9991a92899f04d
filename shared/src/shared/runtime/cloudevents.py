"""CloudEvents 1.0 in Kafka's binary mode: attributes in headers, the JSON value alone in the value.

Headers from outside are untrusted: each is read as bounded text, and what is missing is filled in from the record itself.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.runtime import clock
from shared.runtime.ids import new_id
from shared.runtime.records import Headers

_MAX_HEADER = 1024
_MAX_IDENTITY = 180
_OURS = "/flowtower/"
"""Our services' ids are unique whoever of them writes; an id from elsewhere is unique within its source only."""
_LATEST_MS = 253_402_300_799_000
"""The end of the year 9999: a time behind it is none that can be read."""


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


def given_id(headers: Mapping[str, bytes]) -> str:
    """Return the id that the producer gave, which may be another's too; empty = none."""
    return _text(headers, "ce_id") or ""


def _identity(given: str, source: str | None) -> str:
    if not given or source is None or source.startswith(_OURS):
        return given
    both = f"{source}#{given}"
    if "#" in source or len(both) > _MAX_IDENTITY:
        return f"sha256:{hashlib.sha256(f'{len(source)}:{both}'.encode()).hexdigest()}"
    return both


def attributes_of(headers: Mapping[str, bytes], *, topic: str, partition: int, offset: int, timestamp_ms: int) -> Attributes:
    """Read a record's attributes.

    CloudEvents tells events apart by source and id together, so the id of a producer outside that names itself holds both. A record
    without an id gets one made of its place in the log and its time: the same at every delivery, so it is still
    handled once, and another one when a topic of this name is made anew.
    """
    written = datetime.fromtimestamp(min(max(timestamp_ms, 0), _LATEST_MS) / 1000, UTC)
    time = written
    if text := _text(headers, "ce_time"):
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = written
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
    return Attributes(
        event_id=_identity(given_id(headers), _text(headers, "ce_source")) or f"{topic}:{partition}:{offset}:{timestamp_ms}",
        type=_text(headers, "ce_type") or topic,
        source=_text(headers, "ce_source") or "external",
        time=time,
        traceparent=_text(headers, "traceparent"),
    )
