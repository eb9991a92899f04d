"""Alive means progress: a consumer that is behind and finishes nothing ends its process, which is then started anew.

A dependency that is away is no reason: waiting for it is what a consumer should do, and readiness says so.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from aiokafka.errors import KafkaError

from shared.runtime import metrics
from shared.runtime.consumer.intake import Intake
from shared.runtime.logging import get_logger

log = get_logger(__name__)

LOOK_SECONDS = 5.0
STUCK_EXIT_CODE = 70
_LAG_SECONDS = 15.0


def end_process(code: int) -> None:
    """End at once: a process that is stuck can't be trusted to stop in order, and nothing uncommitted is lost."""
    os._exit(code)


class Watch:
    """Looks at the intakes of one bus."""

    def __init__(self, intakes: Sequence[Intake], stuck_after: float, end: Callable[[int], None] = end_process) -> None:
        self._intakes = intakes
        self._stuck_after = stuck_after
        self._end = end
        self._looked: dict[str, float] = {}

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._stuck_after / 3))
            for intake in self._intakes:
                await self.look(intake)

    async def look(self, intake: Intake) -> None:
        """Judge one intake: measure its lag, retry its commit, and end the process when it is stuck.

        Stuck is: behind and without progress, or unable to fetch although brokers answer.
        """
        if intake.uncommitted and not intake.busy:
            await intake.commit()
        if intake.batches.waiting:
            intake.progressed = time.monotonic()
            return
        still = max(time.monotonic() - intake.progressed, intake.trouble[1])
        if still < self._stuck_after and time.monotonic() - self._looked.get(intake.group, 0) < _LAG_SECONDS:
            return
        self._looked[intake.group] = time.monotonic()
        try:
            async with asyncio.timeout(10):
                lag = await intake.lag()
        except (KafkaError, OSError, TimeoutError):
            # Brokers that don't answer are not our standstill.
            intake.progressed = time.monotonic()
            return
        metrics.LAG.labels(intake.group).set(lag)
        if lag == 0 and intake.trouble[1] < self._stuck_after:
            intake.progressed = time.monotonic()
        elif still >= self._stuck_after:
            log.critical("no progress; the process ends so that a new one takes over", lag=lag, seconds=round(still, 1), **intake.state())
            self._end(STUCK_EXIT_CODE)
