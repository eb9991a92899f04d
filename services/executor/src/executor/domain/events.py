"""The events of a run, built once in the form in which they are journalled and published.

An event is the JSON object of ``shared.contracts.runs``; plain dicts, because several of them are made for every
component of every run and a model per event would cost more than the rest of the engine. A test holds each one against
its contract.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from shared.contracts.topics import MAX_MESSAGE_BYTES
from shared.runtime.plain import writable

Event = dict[str, Any]

MOST_BYTES = MAX_MESSAGE_BYTES
"""Largest event, as JSON: what every reader of the topic takes."""
MOST_OUTPUT_BYTES = 1_000_000
"""Largest output of a component. The rest of its event has bounds of its own, which fit beside it."""
_LARGE_BYTES = 60_000
"""A field that is larger is left out of a reduced event. What has a bound of its own, a failure for example, is not."""
_NUL = b"\\u0000"


def encode(event: Event) -> bytes:
    """Return the event as JSON without line breaks. What readers can't keep, NUL and halves of surrogate pairs, becomes U+FFFD."""
    try:
        line = to_json(event, inf_nan_mode="null")
    except ValueError:
        return to_json(writable(event), inf_nan_mode="null")
    return to_json(writable(event), inf_nan_mode="null") if _NUL in line else line


def decode(line: bytes) -> Event:
    """Return the event in one line of the journal."""
    event: Event = from_json(line)
    return event


def reduced(line: bytes) -> bytes:
    """Return an event that is too large for a message without its large fields, saying so: the same kind, place and time."""
    event = decode(line)
    large = [name for name, value in event.items() if len(to_json(value)) > _LARGE_BYTES]
    for name in large:
        value = event[name]
        event[name] = value[:1000] if isinstance(value, str) else type(value)()
    text = f"The event has {len(line)} bytes, too many for a message. Left out: {', '.join(large)}. The executor's journal holds them."
    event["left_out"] = text[:4000]
    return encode(event)


@lru_cache(maxsize=8)
def stamp(at: datetime) -> str:
    """Return a time as it stands in events: UTC, microseconds."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()[:-6] + "Z"


def without_none(event: Event) -> Event:
    """Return the event without the fields that say nothing."""
    return {name: value for name, value in event.items() if value is not None}
