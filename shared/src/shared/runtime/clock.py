"""The one place that asks the machine for the time, so that tests can hold it still.

Deadlines that several processes must agree on use the database's clock instead: wall clocks of machines differ and jump.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


def _machine() -> datetime:
    return datetime.now(UTC)


_source: list[Callable[[], datetime]] = [_machine]


def now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return _source[-1]()


@contextmanager
def held(source: Callable[[], datetime]) -> Iterator[None]:
    """Let ``now`` answer from ``source`` within the block."""
    _source.append(source)
    try:
        yield
    finally:
        _source.pop()
