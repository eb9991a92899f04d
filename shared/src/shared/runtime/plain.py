"""What a JSON value from elsewhere may hold before it goes on into events and columns.

PostgreSQL's JSON knows no NUL character, UTF-8 no half of a surrogate pair, and every reader of JSON ends at some depth. What looks
for that goes by steps and not by calls, so no value is too deep to be looked at.
"""

import re
from collections.abc import Mapping
from typing import Any

MOST_DEPTH = 150
"""Levels of lists and objects in a value that goes into an event. The readers of messages take 200, and an event adds its own."""

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_MOST_WRITTEN = 250
"""Levels that can be written as JSON at all."""


def nested_over(value: Any, most: int = MOST_DEPTH) -> bool:
    """Return whether lists and objects are nested more than ``most`` deep."""
    level = [value] if _holds(value) else []
    for _ in range(most):
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, Mapping) else outer) if _holds(inner)]
        if not level:
            return False
    return bool(level)


def holds_nul(value: Any) -> bool:
    """Return whether a text or a name in the value holds the character NUL."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            if "\x00" in one:
                return True
        elif isinstance(one, Mapping):
            left.extend(one)
            left.extend(one.values())
        elif isinstance(one, list | tuple):
            left.extend(one)
    return False


def writable(value: Any) -> Any:
    """Return the value with U+FFFD for each NUL and each half of a surrogate pair. What is too deep to be written stays as it is."""
    return value if nested_over(value, _MOST_WRITTEN) else _writable(value)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {_writable(name): _writable(item) for name, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value


def _holds(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)
