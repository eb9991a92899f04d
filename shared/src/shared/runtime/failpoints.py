"""Named places where a test may kill, break or delay a process.

``FLOWTOWER_FAILPOINTS`` holds a comma list of ``name=action[@nth]``. Actions are ``exit`` (the process ends at once, as
by ``kill -9``), ``raise`` (FailpointHit) and ``sleep:<seconds>``; ``exit:<seconds>`` sleeps first, so that what is on its way
arrives. Both sleep at asynchronous places only. ``@3`` acts at the third hit of this process and lets the others pass. Unset, ``hit``
costs one dictionary look-up.
"""

import asyncio
import os
from dataclasses import dataclass

EXIT_CODE = 86
"""Exit code of a process that a failpoint ended; tests look for it to know that the kill really happened."""


class FailpointHit(Exception):
    """A test asked for a failure here."""


@dataclass
class _Armed:
    action: str
    seconds: float
    nth: int
    hits: int = 0


_armed: dict[str, _Armed] = {}


def configure(text: str) -> None:
    """Arm the failpoints of ``text`` and disarm all others; raise ValueError for an entry that is not understood."""
    armed = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, action = entry.partition("=")
        action, _, nth = action.partition("@")
        kind, _, seconds = action.partition(":")
        if not equals or kind not in {"exit", "raise", "sleep"} or (nth and not nth.isdigit()):
            msg = f"FLOWTOWER_FAILPOINTS: {entry!r} is not name=exit, name=raise, name=sleep:<seconds> or name=exit:<seconds>, then @<nth>"
            raise ValueError(msg)
        armed[name.strip()] = _Armed(kind, float(seconds or 0), int(nth or 0))
    _armed.clear()
    _armed.update(armed)


def _due(name: str) -> _Armed | None:
    point = _armed.get(name)
    if point is None:
        return None
    point.hits += 1
    return point if point.nth in {0, point.hits} else None


def _act(name: str, point: _Armed) -> None:
    if point.action == "exit":
        os._exit(EXIT_CODE)
    if point.action == "raise":
        raise FailpointHit(name)


def hit(name: str) -> None:
    """Do what a test armed for this place; nothing otherwise."""
    if point := _due(name):
        _act(name, point)


async def reach(name: str) -> None:
    """Like ``hit``, for asynchronous places: a ``sleep`` leaves the event loop free."""
    if point := _due(name):
        if point.seconds:
            await asyncio.sleep(point.seconds)
        _act(name, point)


configure(os.environ.get("FLOWTOWER_FAILPOINTS", ""))
