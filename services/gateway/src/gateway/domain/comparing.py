"""Two runs side by side: what differs in their inputs and their outputs. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_ROWS = 200
_CUT = 300


@dataclass(frozen=True)
class Difference:
    """One place in two JSON values. An empty text is "not there"."""

    path: str
    a: str
    b: str
    same: bool


def differences(a: Any, b: Any, *, only_different: bool = False) -> tuple[Difference, ...]:
    """Return the places of two JSON values, in the order of the first; a list is one place, because its items have no names."""
    first, second = dict(_places(a)), dict(_places(b))
    rows = []
    for path in dict.fromkeys([*first, *second]):
        here, there = first.get(path, ""), second.get(path, "")
        if not only_different or here != there:
            rows.append(Difference(path, here[:_CUT], there[:_CUT], here == there))
    return tuple(rows[:MOST_ROWS])


def _places(value: Any) -> list[tuple[str, str]]:
    """Return (path, value as JSON) of each leaf; iterative, so that depth is bounded by nothing."""
    found: list[tuple[str, str]] = []
    open_places: list[tuple[str, Any]] = [("", value)]
    while open_places:
        path, here = open_places.pop()
        if isinstance(here, Mapping) and here:
            open_places += [(f"{path}.{name}" if path else str(name), here[name]) for name in reversed(list(here))]
        elif path:
            found.append((path, json.dumps(here, ensure_ascii=False, sort_keys=True)))
    return found
