"""What the engine does at the gates of endpoints: wait there, say so in the run, and go away again."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from executor.application.active import Active
from executor.application.admission import Admission, Pass
from executor.application.held import Held
from executor.application.ports import Outcome, Permanent
from executor.domain.events import Event
from executor.domain.failing import DEADLINE_EXCEEDED, Failure
from executor.domain.gate import Hold, Verdict
from executor.domain.verdicts import judge

Write = Callable[[Active, list[Event]], None]


class Entering:
    """The way of attempts through the gates."""

    def __init__(self, admission: Admission, held: Held, *, write: Write, clock: Callable[[], datetime]) -> None:
        self._admission = admission
        self._held = held
        self._write = write
        self._clock = clock

    def open(self, active: Active, name: str) -> bool:
        """Whether there is no gate to wait at."""
        if not self._admission.free(active.plan, name):
            return False
        active.hurried.discard(name)
        return True

    async def enter(self, active: Active, name: str) -> Pass | None:
        """Wait at the endpoint's gate, if it has one; raise Permanent when the component's deadline is over before."""
        hurried = name in active.hurried
        active.hurried.discard(name)

        def tell(hold: Hold, why: str, over: bool) -> None:
            if not active.stopping and name in active.attempts:
                events = active.run.hold(self._clock(), name, limit=hold.limit, reason=why, until=hold.until, over=over)
                self._write(active, events)

        left = active.run.time_left(self._clock(), name)
        active.entering.add(name)
        self._held.look(active)
        try:
            async with asyncio.timeout(None if left is None else max(left, 0.0)):
                return await self._admission.enter(active.plan, active.run.state, name, hurried=hurried, tell=tell)
        except TimeoutError as error:
            deadline = active.plan.graph.components[name].deadline or 0.0
            text = f"“{name}” waited for its turn until its deadline of {deadline:g} s for all attempts was over."
            raise Permanent(DEADLINE_EXCEEDED, f"{text} Raise deadline:, or the endpoint's limits.") from error
        finally:
            active.entering.discard(name)
            self._held.look(active)

    def withdraw(self, active: Active) -> list[Event]:
        """Take the attempts of a run that is paused away from the gates: nothing more of it starts."""
        events: list[Event] = []
        for name in sorted(active.entering):
            task = active.attempts.pop(name, None)  # its end says nothing any more
            if task is not None:
                task.cancel()
                events += active.run.withdraw(self._clock(), name, "The run was paused while this attempt waited for its turn.")
        return events


def verdict(outcome: Outcome | None, failure: Failure | None) -> Verdict:
    """Return what an attempt's end says about its endpoint: one that was stopped says nothing."""
    return Verdict.NOTHING if outcome is None and failure is None else judge(failure)
