"""The port to people: what every channel plug-in is to the alerter, and the two ways in which it may fail.

A channel only sends. It never waits, never retries and keeps nothing: that is the pipeline's work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from alerter.domain.notice import Notice


class Retryable(Exception):
    """It did not work now and may work later.

    ``retry_after``: seconds that the other side asked us to wait. ``unknown``: the answer was cut off, so the message may
    have arrived all the same.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, unknown: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.unknown = unknown


class Permanent(Exception):
    """It will never work like this: a person has to change something. The message says what."""


class Channel(Protocol):
    """A place where people are told, ready to send."""

    async def send(self, notice: Notice, receipt: str) -> str:
        """Tell it and return the provider's own id of the message.

        ``receipt`` is what an earlier call of the same thread returned, empty for the first one. Raises Retryable or Permanent.
        """


@dataclass(frozen=True)
class ChannelKind:
    """A kind of channel, as the registry lists it."""

    build: Callable[[Mapping[str, Any], Mapping[str, str]], Channel]
    """From options and opened secrets; raises Permanent when they make no sense."""
    pace: float
    """Seconds between two messages to the same channel."""
    tells_updates: bool
    """Whether a change without firing or recovery is told: yes where a message is edited in place, no where each is a new one."""
