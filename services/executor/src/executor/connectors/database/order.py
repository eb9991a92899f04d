"""The order of rows as whole numbers, so that a checkpoint is a number and reading goes on right behind it."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from executor.application.ports import Permanent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

KINDS = ("int2", "int4", "int8", "timestamp", "timestamptz", "date", "uuid")
"""Types of the server that can order the rows of a transfer."""


def check_kind(kind: str, column: str) -> str:
    """Return the type; raise Permanent when rows can't be ordered by it."""
    if kind not in KINDS:
        text = f"order_by: “{column}” is of type {kind}; needed is one of {', '.join(KINDS)}, without repeats. Name another column."
        raise Permanent("OrderUnfit", text)
    return kind


def number_of(value: Any) -> int:
    """Return a value's place; consecutive values of its type have consecutive places."""
    if isinstance(value, datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    if isinstance(value, date):
        return value.toordinal()
    return value.int if isinstance(value, uuid.UUID) else int(value)


def value_of(number: int, kind: str) -> Any:
    """Return the value at a place."""
    match kind:
        case "uuid":
            return uuid.UUID(int=number)
        case "date":
            return date.fromordinal(number)
        case "timestamptz":
            return _EPOCH + number * _MICROSECOND
        case "timestamp":
            return (_EPOCH + number * _MICROSECOND).replace(tzinfo=None)
        case _:
            return number
