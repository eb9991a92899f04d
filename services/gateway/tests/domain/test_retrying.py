"""What a retry would do: the executor's rules, on what the gateway knows of a run."""

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from gateway.domain.retrying import Graph, Part, Standing, Wish, graph_of, preview

LINE = Graph(("A", "B", "C", "D"), (("A", "B"), ("B", "C"), ("C", "D")))
#   A → B → D
#     ↘ C ↗
DIAMOND = Graph(("A", "B", "C", "D"), (("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")))


def run(graph: Graph = LINE, *, status: str = "failed", seq: int = 41, version: int = 3, **parts: str) -> Standing:
    return Standing("r1", "w1", "flow", status, version, seq, {}, {name: Part(state, 2) for name, state in parts.items()}, graph)


BROKEN = {"A": "succeeded", "B": "failed", "C": "upstream_failed", "D": "upstream_failed"}


@pytest.mark.parametrize(
    ("wish", "again", "stays"),
    [
        (Wish(("B",)), ("B", "C", "D"), ("A",)),
        (Wish(scope="failed"), ("B", "C", "D"), ("A",)),
        (Wish(("A",)), ("A",), ("B", "C", "D")),
        (Wish(("A",), "following"), ("A", "B", "C", "D"), ()),
        (Wish(("A",), "slice", "B"), ("A", "B"), ("C", "D")),
        (Wish(("B",), "slice", "B"), ("B",), ("A", "C", "D")),
    ],
)
def test_each_scope_says_what_runs_again_and_what_stays(wish: Wish, again: tuple[str, ...], stays: tuple[str, ...]) -> None:
    found = preview(run(**BROKEN), wish)
    assert found.refused == ()
    assert tuple(found.again) == again
    assert set(found.again.values()) == {3}
    assert found.chosen == (wish.components or ("B",))
    assert found.stays == stays


def test_what_succeeded_and_runs_again_is_named() -> None:
    assert preview(run(**BROKEN), Wish(("A",), "following")).succeeded_before == ("A",)


def test_what_two_things_held_up_runs_only_with_both() -> None:
    parts = {"A": "succeeded", "B": "failed", "C": "failed", "D": "upstream_failed"}
    assert tuple(preview(run(DIAMOND, **parts), Wish(("B",))).again) == ("B",)
    assert tuple(preview(run(DIAMOND, **parts), Wish(scope="failed")).again) == ("B", "C", "D")
    any_of = Graph(DIAMOND.names, DIAMOND.edges, {"D": "any"})
    assert tuple(preview(run(any_of, **parts), Wish(("B",))).again) == ("B", "D")


def test_what_was_passed_over_behind_something_passed_over_is_looked_at_again() -> None:
    parts = {"A": "skipped", "B": "skipped", "C": "succeeded", "D": "succeeded"}
    assert tuple(preview(run(DIAMOND, status="succeeded", **parts), Wish(("A",))).again) == ("A", "B")


def test_a_run_that_its_time_limit_ended_begins_where_it_was_cut() -> None:
    parts = {"A": "succeeded", "B": "cancelled", "C": "cancelled", "D": "cancelled"}
    assert tuple(preview(run(status="failed", **parts), Wish(scope="failed")).again) == ("B", "C", "D")
    assert preview(run(status="cancelled", **parts), Wish(scope="failed")).refused[0].field == "components"


@pytest.mark.parametrize(
    ("parts", "wish", "field", "words"),
    [
        (BROKEN | {"B": "running"}, Wish(("B",)), "components", "is running"),
        (BROKEN | {"B": "retrying"}, Wish(("B",)), "components", "is retrying"),
        (BROKEN | {"B": "parked", "C": "pending", "D": "pending"}, Wish(("C",)), "components", "has not run yet"),
        (BROKEN, Wish(("C",)), "components", "needs 'B'"),
        (BROKEN, Wish(("Z",)), "components", "no component 'Z'"),
        (BROKEN, Wish(("A",), "slice"), "until", "needs its end"),
        (BROKEN, Wish(("C",), "slice", "A"), "until", "No way leads"),
        (BROKEN, Wish(("A",), "only", "B"), "until", "belongs to a slice"),
        (BROKEN, Wish((), "following"), "components", "Nothing is named"),
        (dict.fromkeys("ABCD", "succeeded"), Wish(scope="failed"), "components", "has failed"),
    ],
)
def test_what_can_not_be_done_is_refused_with_its_field_and_the_way_out(parts: dict[str, str], wish: Wish, field: str, words: str) -> None:
    refused = preview(run(**parts), wish).refused
    assert refused
    assert refused[0].field == field
    assert words in refused[0].message
    assert refused[0].hint


def test_a_run_that_never_began_is_not_retried() -> None:
    assert "never began" in preview(run(status="refused"), Wish(scope="failed")).refused[0].message
    assert "not begun" in preview(run(status="asked"), Wish(scope="failed")).refused[0].message


def test_another_version_brings_what_is_new_and_may_lose_no_outcome() -> None:
    longer = Graph(("A", "B", "E", "C", "D"), (*LINE.edges, ("A", "E")))
    found = preview(run(**BROKEN), Wish(("B",)), other=longer)
    assert (found.refused, found.added) == ((), ("E",))
    assert dict(found.again) == {"B": 3, "E": 1, "C": 3, "D": 3}
    shorter = Graph(("B", "C", "D"), (("B", "C"), ("C", "D")))
    assert "its outcome would be lost" in preview(run(**BROKEN), Wish(("B",)), other=shorter).refused[0].message
    busy = preview(run(status="running", **BROKEN | {"A": "running"}), Wish(("B",)), other=longer)
    assert "in version 3" in busy.refused[0].message


def test_compensations_run_only_when_a_run_is_cancelled_and_then_only_they_are_retried() -> None:
    definition: dict[str, Any] = {
        "components": [{"name": "A"}, {"name": "B"}, {"name": "UndoA", "compensates": "A"}],
        "connections": [{"source": "A", "target": "B"}],
    }
    graph = graph_of(definition)
    parts = {"A": "succeeded", "B": "failed"}
    assert tuple(preview(run(graph, **parts), Wish(scope="failed")).again) == ("B",)
    assert "compensates" in preview(run(graph, **parts), Wish(("UndoA",))).refused[0].message
    undone = run(graph, status="cancelled", **parts, UndoA="failed")
    assert tuple(preview(undone, Wish(scope="failed")).again) == ("UndoA",)
    assert "undone" in preview(undone, Wish(("B",))).refused[0].message


_STATES = ("succeeded", "failed", "upstream_failed", "skipped", "parked", "cancelled")


@settings(max_examples=200, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    some.lists(some.tuples(some.integers(0, 5), some.integers(0, 5)), max_size=12),
    some.lists(some.sampled_from(_STATES), min_size=6, max_size=6),
    some.integers(0, 5),
    some.sampled_from(("only", "following", "failed")),
)
def test_a_preview_names_each_component_once_and_takes_what_was_named(
    edges: list[tuple[int, int]], states: list[str], named: int, scope: Any
) -> None:
    names = tuple(f"C{number}" for number in range(6))
    graph = Graph(names, tuple((names[a], names[b]) for a, b in edges if a < b))
    standing = run(graph, **dict(zip(names, states, strict=True)))
    wish = Wish(() if scope == "failed" else (names[named],), scope)
    found = preview(standing, wish)
    if found.refused:
        return
    assert sorted([*found.again, *found.stays]) == sorted(names)
    assert set(wish.components) <= found.again.keys()
    assert found.again.keys() <= set(wish.components) | graph.behind(wish.components) or scope == "failed"
    assert all(standing.parts[name].status != "succeeded" for name in found.again) or scope == "following" or wish.components
