"""What a JSON value from elsewhere may hold before it goes on into events and columns.

PostgreSQL's JSON knows no NUL character, UTF-8 no half of a surrogate pair, and every reader of JSON ends at some depth. What looks
for that goes by steps and not by calls, so no value is too deep to be looked at.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

MOST_DEPTH = 150
"""Levels of lists and objects in a value that goes into an event. The readers of messages take 200, and an event adds its own."""

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_ALONE = frozenset({int, float, bool, type(None)})
# The plain types first: asking an abstract class takes longer than all the rest of a look at a small value.
_MAPPINGS = (dict, Mapping)
_HOLDERS = (dict, list, tuple, Mapping)
_MOST_WRITTEN = 250
"""Levels that can be written as JSON at all."""


def obstacle(value: Any, most: int = MOST_DEPTH) -> Literal["nul", "deep"] | None:
    """Return what a value holds that can't be kept: a text or a name with the character NUL, or more than ``most`` levels."""
    level = [value]
    for depth in range(most + 1):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                if "\x00" in one:
                    return "nul"
            elif type(one) not in _ALONE and isinstance(one, _HOLDERS):
                if depth == most:
                    return "deep"
                below += one
                if isinstance(one, _MAPPINGS):
                    below += one.values()
        if not below:
            break
        level = below
    return None


def writable(value: Any) -> Any:
    """Return the value with U+FFFD for each NUL and each half of a surrogate pair. What is too deep to be written stays as it is."""
    return value if obstacle(value, _MOST_WRITTEN) == "deep" else _writable(value)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {_writable(name): _writable(item) for name, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value
