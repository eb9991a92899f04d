"""Who has the next turn when more waits than may go on at once: fair between workflows, high priorities first, nobody for ever last.

The rule. Of eight turns in a row seven go to the highest priority that waits, round its workflows; within a workflow whoever came
first is first. The eighth goes to the workflow that had no turn for the longest time, whatever its priority, and there to whoever
has waited longest. So with W workflows waiting, each has a turn within 8·W turns, however many runs the others have.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

EVERY = 8
"""Each so-manieth turn goes by age instead of by priority."""


@dataclass(slots=True)
class Lane:
    """What waits of one workflow with one priority, oldest first; ``numbers`` say in which order it all came."""

    workflow_id: str
    priority: int
    places: list[tuple[str, str]]  # (run, component); the component is empty where whole runs wait
    numbers: list[int]
    retry: bool = False  # attempts after a failure, which need a place in the retry budget too


@dataclass(slots=True)
class Turns:
    """Whose turn it was: the number of the last turn, and of each waiting workflow the turn that it had last."""

    turn: int = 0
    served: dict[str, int] = field(default_factory=dict)

    def join(self, workflows: Iterable[str]) -> None:
        """Take note of who waits now. Who is new stands behind those that wait already; who waits no more is forgotten."""
        self.served = {workflow_id: self.served.get(workflow_id, self.turn) for workflow_id in workflows}

    def next(self, lanes: Sequence[Lane]) -> Lane | None:
        """Return the lane whose first has the next turn, and count the turn; None when nobody waits."""
        waiting = [lane for lane in lanes if lane.places]
        if not waiting:
            return None
        self.turn += 1
        if self.turn % EVERY:
            top = max(lane.priority for lane in waiting)
            waiting = [lane for lane in waiting if lane.priority == top]
        # Behind the workflow's last turn the age decides: between workflows that are level, and between lanes of one.
        chosen = min(waiting, key=lambda lane: (self.served.get(lane.workflow_id, 0), lane.numbers[0]))
        self.served[chosen.workflow_id] = self.turn
        return chosen


def take(lane: Lane) -> tuple[str, str]:
    """Remove the first of a lane and return it."""
    lane.numbers.pop(0)
    return lane.places.pop(0)


def choose(turns: Turns, lanes: Sequence[Lane], rooms: Mapping[str, int | None], most: int) -> list[str]:
    """Return the runs that may begin: at most ``most`` in all, and of each workflow as many as it has room for (None = any number)."""
    turns.join({lane.workflow_id for lane in lanes})
    left = dict(rooms)
    chosen: list[str] = []
    while len(chosen) < most:
        lane = turns.next([lane for lane in lanes if (room := left.get(lane.workflow_id)) is None or room > 0])
        if lane is None:
            break
        room = left.get(lane.workflow_id)
        if room is not None:
            left[lane.workflow_id] = room - 1
        chosen.append(take(lane)[0])
    return chosen
