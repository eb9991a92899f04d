"""When the next attempt of a component is made, if one is made at all."""

import math
from collections.abc import Callable
from typing import assert_never

from executor.domain.rules import NextWait
from shared.contracts.workflows import CustomRetry, ExponentialRetry, FixedRetry

Strategy = FixedRetry | ExponentialRetry | CustomRetry
Jitter = Callable[[], float]
"""Returns a number from 0 to below 1; injected, so that a test knows it."""

MOST_ATTEMPTS = 1000
"""Where a plug-in that never gives up is stopped."""
_LONGEST_WAIT = 31_536_000.0


class PluginFailed(Exception):
    """A retry plug-in raised, or answered with something that is no wait; the text is a sentence."""


def attempts(strategy: Strategy | None) -> int:
    """Return how many attempts are allowed, the first one counted."""
    match strategy:
        case None:
            return 1
        case CustomRetry():
            return len(strategy.waits) + 1 if strategy.plugin is None else strategy.attempts or MOST_ATTEMPTS
        case FixedRetry() | ExponentialRetry():
            return strategy.attempts
        case _:
            assert_never(strategy)


def wait(strategy: Strategy | None, failures: int, jitter: Jitter, *, code: str = "", plugin: NextWait | None = None) -> float | None:
    """Return the seconds to wait after so many failures, or None when no further attempt is allowed. Raises PluginFailed."""
    if strategy is None or failures >= attempts(strategy):
        return None
    match strategy:
        case FixedRetry():
            return strategy.every
        case CustomRetry():
            return strategy.waits[failures - 1] if strategy.plugin is None else _asked(strategy.plugin, plugin, failures, code)
        case ExponentialRetry():
            try:
                seconds = strategy.first * strategy.factor ** (failures - 1)
            except OverflowError:
                seconds = strategy.most
            seconds = min(seconds, strategy.most)
            return seconds * (1 - strategy.jitter * jitter())
        case _:
            assert_never(strategy)


def _asked(name: str, plugin: NextWait | None, failures: int, code: str) -> float | None:
    if plugin is None:
        raise PluginFailed(f"The retry plug-in “{name}” is not installed here.")
    try:
        seconds = plugin(failures, code)
        if seconds is None:
            return None
        seconds = float(seconds)
    except Exception as error:
        raise PluginFailed(f"The retry plug-in “{name}” ended in an error ({type(error).__name__}: {error})."[:500]) from error
    if not math.isfinite(seconds) or seconds < 0:
        raise PluginFailed(f"The retry plug-in “{name}” answered {seconds}, which is no number of seconds to wait.")
    return min(seconds, _LONGEST_WAIT)
