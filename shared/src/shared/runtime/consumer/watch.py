"""Alive means progress: a consumer that is behind and finishes nothing ends its process, which is then started anew.

A dependency that is away is no reason: waiting for it is what a consumer should do, and readiness says so.
"""

import asyncio
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from shared.runtime import metrics
from shared.runtime.consumer.intake import Intake
from shared.runtime.logging import get_logger

log = get_logger(__name__)

LOOK_SECONDS = 5.0
STUCK_EXIT_CODE = 70
_LAG_SECONDS = 15.0
_ANSWER_SECONDS = 10.0


def end_process(code: int) -> None:
    """End at once: a process that is stuck can't be trusted to stop in order, and nothing uncommitted is lost."""
    os._exit(code)


class Watch:
    """Looks at the intakes of one bus, at each by itself: some brokers' answers come only behind a fetch that waits for news."""

    def __init__(self, intakes: Sequence[Intake], stuck_after: float, end: Callable[[int], None] = end_process) -> None:
        self._intakes = intakes
        self._stuck_after = stuck_after
        self._end = end
        self._lag_every = min(_LAG_SECONDS, stuck_after / 3)
        self._seen: dict[str, _Seen] = {intake.group: _Seen() for intake in intakes}

    async def run(self) -> None:
        """Look now and then, for ever."""
        async with asyncio.TaskGroup() as looks:
            for intake in self._intakes:
                looks.create_task(self._at(intake), name=f"watch of {intake.group}")

    async def _at(self, intake: Intake) -> None:
        pause = min(LOOK_SECONDS, self._stuck_after / 3)
        while True:
            began = time.monotonic()
            await asyncio.sleep(pause)
            if time.monotonic() - began > pause + LOOK_SECONDS:
                # This process did not run, so it can't have stood still.
                self._seen[intake.group] = _Seen()
            try:
                await self.look(intake)
            except Exception:
                log.exception("a consumer could not be watched", group=intake.group)

    async def look(self, intake: Intake) -> None:
        """Judge one intake: measure its lag, retry its commit, and end the process when it is stuck.

        Stuck is: seen behind and without progress ever since, or unable to fetch although brokers answer.
        """
        if intake.uncommitted and not intake.busy:
            await intake.commit()
        seen = self._seen[intake.group]
        if intake.batches.waiting:
            self._seen[intake.group] = _Seen()
            return
        now = time.monotonic()
        if now - seen.looked < self._lag_every and seen.still(intake) < self._stuck_after:
            return
        seen.looked = now
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                lag = await intake.lag()
        except (KafkaError, OSError, TimeoutError):
            # Brokers that don't answer are not our standstill.
            self._seen[intake.group] = _Seen(looked=now)
            return
        metrics.LAG.labels(intake.group).set(lag)
        seen.note(lag)
        still = seen.still(intake)
        if still >= self._stuck_after:
            log.critical("no progress; the process ends so that a new one takes over", lag=lag, seconds=round(still, 1), **intake.state())
            self._end(STUCK_EXIT_CODE)


@dataclass
class _Seen:
    """What the looks at one intake have found: monotonic times; None = not so at the last look."""

    looked: float = -math.inf
    answered: float | None = None
    """Since when brokers have answered, look by look."""
    behind: float | None = None
    """Since when there has been something to read. What was idle before that is no standstill."""

    def note(self, lag: int) -> None:
        now = time.monotonic()
        self.answered = now if self.answered is None else self.answered
        self.behind = None if lag == 0 else now if self.behind is None else self.behind

    def still(self, intake: Intake) -> float:
        """Return for how many seconds it has been behind without progress, or unable to fetch from brokers that answer."""
        now = time.monotonic()
        standing = 0.0 if self.behind is None else now - max(self.behind, intake.progressed)
        unable = 0.0 if self.answered is None else min(intake.trouble[1], now - self.answered)
        return max(standing, unable)
