"""The events of a run, built once in the form in which they are journalled and published.

An event is the JSON object of ``shared.contracts.runs``; plain dicts, because several of them are made for every
component of every run and a model per event would cost more than the rest of the engine. A test holds each one against
its contract.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

Event = dict[str, Any]


def encode(event: Event) -> bytes:
    """Return the event as JSON without line breaks."""
    return to_json(event, inf_nan_mode="null")


def decode(line: bytes) -> Event:
    """Return the event in one line of the journal."""
    event: Event = from_json(line)
    return event


@lru_cache(maxsize=8)
def stamp(at: datetime) -> str:
    """Return a time as it stands in events: UTC, microseconds."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()[:-6] + "Z"


def without_none(event: Event) -> Event:
    """Return the event without the fields that say nothing."""
    return {name: value for name, value in event.items() if value is not None}
