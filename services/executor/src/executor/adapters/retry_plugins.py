"""Retry strategies that are installed as packages of their own, by the entry point group ``flowtower.retries``.

An entry point names a callable ``(failures, code) -> seconds | None``: the number of failed attempts so far (1, 2, …) and the last one's
code in, the seconds until the next attempt out; None = no further attempt. It runs in the engine's loop, so it only computes.
"""

from importlib.metadata import entry_points

from executor.domain.rules import NextWait
from shared.runtime.logging import get_logger

log = get_logger(__name__)

GROUP = "flowtower.retries"


def installed() -> dict[str, NextWait]:
    """Return the installed plug-ins by name. One that can't be loaded is logged and left out: runs that name it are refused."""
    found: dict[str, NextWait] = {}
    for point in entry_points(group=GROUP):
        try:
            loaded = point.load()
        except Exception as error:  # noqa: BLE001 - it is foreign code
            log.error("a retry plug-in cannot be loaded", plugin=point.name, source=point.value, error=repr(error)[:500])  # noqa: TRY400 - its trace is its author's
            continue
        if callable(loaded):
            found[point.name] = loaded
        else:
            log.error("a retry plug-in cannot be called", plugin=point.name, source=point.value)
    return found
