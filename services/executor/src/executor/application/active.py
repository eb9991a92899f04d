"""A run in memory."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from executor.application.registries import Plan
from executor.domain.run import Run


@dataclass(slots=True, eq=False)
class Active:
    """A run in memory."""

    plan: Plan
    run: Run
    lane: int
    traceparent: bytes | None = None
    attempts: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    transfers: dict[str, dict[str, Any]] = field(default_factory=dict)  # component → how far its attempt is
    reported: dict[str, float] = field(default_factory=dict)  # component → when progress was last journalled
    entering: set[str] = field(default_factory=set)  # components whose attempt is at its endpoint's gate
    hurried: set[str] = field(default_factory=set)  # components whose next attempt somebody asked for
    limited: bool = True  # whether it may have a turn of its workflow to give back
    unwritten: int = 0
    steered: bool = False  # a command to it is being obeyed: it stays in memory until that is written
    stopping: bool = False  # its attempts are being stopped: their ends say nothing
