"""When a cluster is polled next and which parts of a poll are due."""

from collections.abc import Mapping
from datetime import datetime

MOST_SECONDS_BETWEEN_POLLS = 60.0

EVERY_SECONDS: Mapping[str, float] = {"dags": 60.0, "active": 30.0, "errors": 30.0, "version": 600.0, "reconcile": 600.0}
"""Parts of a poll that are not read each time, and how often they are."""


def due(part: str, read_at: Mapping[str, datetime], now: datetime) -> bool:
    """Tell whether a part that is not read in each poll is due."""
    last = read_at.get(part)
    return last is None or (now - last).total_seconds() >= EVERY_SECONDS[part]


def wait_seconds(interval: float, failures: int, *, chance: float) -> float:
    """Give the time to the next poll: doubled for each failure in a row up to a minute, and spread by ``chance`` (0 to 1).

    The spread keeps many clusters from being called in the same instant: ±10 % normally, up to ±25 % after failures.
    """
    if failures == 0:
        return interval * (0.9 + 0.2 * chance)
    base = min(max(interval, 1.0) * 2.0 ** min(failures, 10), max(MOST_SECONDS_BETWEEN_POLLS, interval))
    return base * (0.75 + 0.5 * chance)
