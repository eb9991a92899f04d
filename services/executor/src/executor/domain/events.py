"""The events of a run, built once in the form in which they are journalled and published.

An event is the JSON object of ``shared.contracts.runs``; plain dicts, because several of them are made for every
component of every run and a model per event would cost more than the rest of the engine. A test holds each one against
its contract.
"""

import json
from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(event: Event) -> bytes:
    """Return the event as JSON without line breaks."""
    return _encode(event).encode()


def decode(line: bytes) -> Event:
    """Return the event in one line of the journal."""
    event: Event = json.loads(line)
    return event


def stamp(at: datetime) -> str:
    """Return a time as it stands in events: UTC, microseconds."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def without_none(event: Event) -> Event:
    """Return the event without the fields that say nothing."""
    return {name: value for name, value in event.items() if value is not None}
