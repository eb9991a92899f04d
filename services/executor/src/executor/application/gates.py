"""The gates of endpoints with limits, as admission asks them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from executor.domain.gate import Hold, Verdict

Place = tuple[str, str]
"""A run and one of its components."""


@dataclass(frozen=True, slots=True)
class Asking:
    """An attempt that wants to go on."""

    run_id: str
    component: str
    workflow_id: str
    priority: int
    retry: bool  # whether it needs a place in the retry budget


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over, or does not want to go on any more."""

    place: Place
    epoch: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Look:
    """How a gate stands after a turn."""

    now: datetime
    granted: set[Place]  # what this turn let on, of this epoch
    holds: dict[bool, Hold | None]  # what holds first attempts (False) and retries (True)
    breaker: str  # closed, open, trying
    news: tuple[str, ...] = ()  # opened, closed


class Gates(Protocol):
    async def turn(
        self, epoch: int, endpoint_id: str, *, arrived: Sequence[Asking], ended: Sequence[Ended], hurried: Sequence[Place]
    ) -> Look:
        """Take in what came and ended at an endpoint and let on what may go on, of any executor."""

    async def granted(self, epoch: int) -> set[Place]:
        """Return what this epoch's attempts have been let on."""
