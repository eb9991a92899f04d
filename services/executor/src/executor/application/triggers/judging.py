"""What becomes of a batch of messages, and how many runs a trigger may ask for."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from executor.application.triggers.asking import prepare
from executor.application.triggers.ports import Prepared, TriggerRow
from executor.domain.triggers.firing import Firing, NotFired
from executor.domain.triggers.message import Heard, Matcher

_MINUTE = 60.0


@dataclass(slots=True)
class Judged:
    """What became of a batch: the first ``taken`` messages were judged, further ones exceed the limit."""

    taken: int
    fire: list[Prepared] = field(default_factory=list)
    told: list[NotFired] = field(default_factory=list)


def judge(row: TriggerRow, matcher: Matcher, heard: Sequence[Heard], most: int) -> Judged:
    """Judge messages in order, until more than ``most`` would start runs."""
    judged = Judged(0)
    for message in heard:
        verdict = matcher.judge(message)
        if isinstance(verdict, Firing):
            if len(judged.fire) >= most:
                return judged
            made = prepare(row, verdict)
            if isinstance(made, Prepared):
                judged.fire.append(made)
            else:
                judged.told.append(made)
        else:
            judged.told.append(verdict)
        judged.taken += 1
    return judged


class Allowance:
    """How many runs a trigger may still ask for: so many within any minute."""

    def __init__(self, most: int, used: int) -> None:
        self._most = most
        self._used: deque[tuple[float, int]] = deque([(time.monotonic(), used)] if used else [])
        self._sum = used

    def left(self) -> int:
        """Return how many there are now."""
        over = time.monotonic() - _MINUTE
        while self._used and self._used[0][0] <= over:
            self._sum -= self._used.popleft()[1]
        return max(self._most - self._sum, 0)

    def use(self, count: int) -> None:
        """Take some."""
        if count:
            self._used.append((time.monotonic(), count))
            self._sum += count
