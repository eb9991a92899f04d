"""What is known of triggers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.application.answers.base import Page
from gateway.application.answers.triggers import FiringAnswer


@dataclass(frozen=True)
class StandingRecord:
    """How a trigger stands, as an executor last told it."""

    version: int
    paused: bool
    next_at: datetime | None
    trouble: str
    at: datetime


class TriggerReads(Protocol):
    """Questions about triggers."""

    async def standings(self, workflow_id: str) -> dict[str, StandingRecord]: ...
    async def firings(self, workflow_id: str, trigger: str, *, after: str | None, limit: int) -> Page[FiringAnswer]: ...
