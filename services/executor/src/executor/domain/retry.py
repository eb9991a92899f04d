"""When the next attempt of a component is made, if one is made at all."""

from collections.abc import Callable
from typing import assert_never

from shared.contracts.workflows import CustomRetry, ExponentialRetry, FixedRetry

Strategy = FixedRetry | ExponentialRetry | CustomRetry
Jitter = Callable[[], float]
"""Returns a number from 0 to below 1; injected, so that a test knows it."""


def attempts(strategy: Strategy | None) -> int:
    """Return how many attempts are allowed, the first one counted."""
    match strategy:
        case None:
            return 1
        case CustomRetry():
            return len(strategy.waits) + 1
        case FixedRetry() | ExponentialRetry():
            return strategy.attempts
        case _:
            assert_never(strategy)


def wait(strategy: Strategy | None, failures: int, jitter: Jitter) -> float | None:
    """Return the seconds to wait after so many failures, or None when no further attempt is allowed."""
    if strategy is None or failures >= attempts(strategy):
        return None
    match strategy:
        case FixedRetry():
            return strategy.every
        case CustomRetry():
            return strategy.waits[failures - 1]
        case ExponentialRetry():
            try:
                seconds = strategy.first * strategy.factor ** (failures - 1)
            except OverflowError:
                seconds = strategy.most
            seconds = min(seconds, strategy.most)
            return seconds * (1 - strategy.jitter * jitter())
        case _:
            assert_never(strategy)
