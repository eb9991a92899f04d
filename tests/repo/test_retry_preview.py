"""What the gateway says that a retry would do is what the executor does: two tellings of one table, over any graph and any standing."""

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from executor.domain.graph import Graph
from executor.domain.journal import TERMINAL, State
from executor.domain.run import Change, Refused, Run
from gateway.domain.retrying import Part, Standing, Wish, graph_of, preview
from shared.contracts.workflows import Component, Connection, WorkflowDefinition
from shared.runtime.clock import now

ENDED = sorted(TERMINAL)
OPEN = ["pending", "running", "retrying", "parked"]


@st.composite
def definitions(draw: st.DrawFn) -> WorkflowDefinition:
    size = draw(st.integers(1, 6))
    names = draw(st.permutations([f"C{n}" for n in range(size)]))
    edges = [(f"C{a}", f"C{b}") for b in range(size) for a in range(b) if draw(st.booleans())]
    components = []
    for name in names:
        leading = sum(target == name for _, target in edges)
        components.append(Component(name=name, kind="trivial", join=draw(st.sampled_from(["all", "all", "any", *range(1, leading + 1)]))))
    undone = [name for name in names if draw(st.integers(0, 3)) == 0]
    components += [Component(name=f"Undo{name}", kind="trivial", compensates=name) for name in undone]
    return WorkflowDefinition(
        workflow="w", components=tuple(components), connections=tuple(Connection(source=a, target=b, kind="processing") for a, b in edges)
    )


def standing(draw: Any, graph: Graph) -> State:
    """Return a run at any point: under way, ended, or being undone."""
    state = State("r", "w1", graph.order)
    undoing = bool(graph.undoes) and draw(st.booleans())
    ended = undoing or draw(st.booleans())
    for part in state.components.values():
        part.status = draw(st.sampled_from(ENDED if ended else ENDED + OPEN))
        part.generation = draw(st.integers(1, 3))
    names = list(graph.undoes)
    for name in names[: draw(st.integers(1, len(names)))] if undoing else ():
        state.components[name] = part = type(state.components[graph.order[0]])(draw(st.integers(1, 2)))
        part.status = draw(st.sampled_from(ENDED + OPEN))
    statuses = {part.status for part in state.components.values()}
    state.open = sum(part.status not in TERMINAL for part in state.components.values())
    state.status = "running" if state.open else "cancelled" if undoing else draw(st.sampled_from(["failed", "cancelled", "succeeded"]))
    state.seq = len(statuses) + 1
    return state


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_the_preview_of_a_retry_is_what_the_executor_does(data: st.DataObject) -> None:
    draw = data.draw
    own = draw(definitions())
    other = draw(st.none() | definitions())
    graph, new = Graph(own), None if other is None else Graph(other)
    state = standing(draw, graph)
    scope = draw(st.sampled_from(["only", "following", "slice", "failed"]))
    known = sorted({*graph.components, *(new.components if new else ())})
    names = tuple(draw(st.lists(st.sampled_from([*known, "Nope"]), min_size=scope != "failed", max_size=2)))
    until = draw(st.sampled_from(known)) if scope == "slice" else None
    parts = {name: Part(part.status, part.generation) for name, part in state.components.items()}
    stands = Standing("r", "w1", "w", state.status, 1, state.seq, {}, parts, graph_of(own.model_dump(mode="json")))
    told = preview(stands, Wish(names, scope, until), other=None if other is None else graph_of(other.model_dump(mode="json")))
    run = Run(graph, state, host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)
    change = Change() if new is None else Change(2, new)
    try:
        done = run.retry(now(), names, scope=scope, until=until, requested_by="t", change=change)[0]
    except Refused as refused:
        event("refused")
        assert told.refused, f"the executor refuses: {refused}"
        return
    event("done")
    assert told.refused == ()
    assert told.again == done["again"]
    assert set(told.stays) == set(done["stays"])
