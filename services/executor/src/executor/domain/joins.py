"""What a component waits for: its connections, their conditions, and its join.

A connection is, from what became of its source:

| source | its condition | the connection is |
|---|---|---|
| succeeded | none, or true | **true** |
| succeeded | false | **false** |
| succeeded | no answer | the target fails at once, with the code ``ConditionFailed``: no branch is picked |
| skipped | not asked | **false** |
| failed, upstream_failed, cancelled | not asked | **dead** |
| anything else (also parked) | not asked yet | **open** |

A component needs so many true connections: ``all`` of them, ``any`` = one, or its number. Then:

| connections | the component |
|---|---|
| as many true as it needs | starts; what comes later starts it no second time |
| true and open together could still be enough | waits |
| they can't be enough any more, and one is dead | ``upstream_failed``, at once |
| they can't, none is dead, some are open | waits: one of those may yet be the cause |
| they can't, none is dead, none is open | ``skipped`` |

So what becomes of a component does not depend on the order in which its sources end; only ``any`` and numbers start as soon as
they can.
"""

from enum import Enum

from executor.domain.graph import Graph
from executor.domain.journal import TERMINAL, State
from executor.domain.rules import NoAnswer
from shared.contracts.workflows import Connection

Answers = dict[tuple[str, str], bool]
"""What conditions have answered; a source's output does not change until it runs again."""


class Standing(Enum):
    WAITS = "waits"
    STARTS = "starts"
    SKIPPED = "skipped"
    DEAD = "upstream_failed"


class NoCondition(Exception):
    """A condition has no answer; the text is the sentence for the component that it leads to."""


def standing(graph: Graph, state: State, name: str, answers: Answers) -> tuple[Standing, str]:
    """Return what may become of a pending component, and the sentence that says why if it can't run. Raises NoCondition."""
    parts = state.components
    true, still, dead, false = _counted(graph, state, name, answers)
    needed = graph.needed[name]
    if true >= needed:
        return Standing.STARTS, ""
    if true + still >= needed:
        return Standing.WAITS, ""
    if dead is not None:
        return Standing.DEAD, f"Not tried, because “{dead}” is {parts[dead].status}."
    if still or false is None:
        return Standing.WAITS, ""
    if parts[false].status == "skipped":
        return Standing.SKIPPED, f"Not needed, because “{false}” is skipped."
    return Standing.SKIPPED, f"Not needed, because the condition of “{false}” → “{name}” is false."


def _counted(graph: Graph, state: State, name: str, answers: Answers) -> tuple[int, int, str | None, str | None]:
    """Return how many connections are true and open, and the source of the first that is dead and that is false."""
    true = still = 0
    dead: str | None = None
    false: str | None = None
    for edge in graph.incoming[name]:
        status = state.components[edge.source].status
        if status == "succeeded" and carries_on(graph, state, edge, answers):
            true += 1
        elif status in {"succeeded", "skipped"}:
            false = false or edge.source
        elif status in TERMINAL:
            dead = dead or edge.source
        else:
            still += 1
    return true, still, dead, false


def carries_on(graph: Graph, state: State, edge: Connection, answers: Answers) -> bool:
    """Return whether a connection whose source has succeeded is true. Raises NoCondition."""
    place = (edge.source, edge.target)
    condition = graph.rules.conditions.get(place)
    if condition is None:
        return True
    if place not in answers:
        try:
            answers[place] = condition(state.inputs, state.components[edge.source].output)
        except NoAnswer as error:
            text = f"The condition of “{edge.source}” → “{edge.target}” ({edge.when}) has no answer: {error}"
            raise NoCondition(f"{text.rstrip('.')}. Correct when:, or retry with other inputs.") from None
    return answers[place]
