"""Conditions and joins: which connections let a component start, and what becomes of it when they can't."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from executor.domain.graph import Graph, GraphRefused
from executor.domain.journal import State
from executor.domain.rules import NoAnswer, Rules
from executor.domain.run import Change, Failure, Run, Trace
from shared.contracts.workflows import Component, Connection, WorkflowDefinition

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BROKEN = Failure("Broken", "It can't work.", retryable=False)


def a_graph(components: dict[str, dict[str, Any]], edges: list[tuple[str, str]], rules: Rules | None = None, **more: Any) -> Graph:
    made = tuple(Component(name=name, kind="trivial", **given) for name, given in components.items())
    joined = tuple(Connection(source=a, target=b, kind="processing") for a, b in edges)
    return Graph(WorkflowDefinition(workflow="w", components=made, connections=joined, **more), rules)


def begun(graph: Graph, **more: Any) -> Run:
    run = Run(graph, State("r", "w1", graph.order), host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)
    run.start(NOW, version=1, inputs={"n": 1}, requested_by="t", trigger="api", trace=Trace("a" * 32, "b" * 16), **more)
    return run


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [f"{e['event']} {e.get('component', '')}".strip() for e in events]


def statuses(run: Run) -> dict[str, str]:
    return {name: part.status for name, part in run.state.components.items()}


def branches(join: Any = "all", **said: bool) -> Run:
    """A → B, C → D, with what the conditions of A's connections say."""
    conditions = {("A", name): (lambda _inputs, _output, answer=answer: answer) for name, answer in said.items()}
    graph = a_graph({"A": {}, "B": {}, "C": {}, "D": {"join": join}}, [("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")], Rules(conditions))
    return begun(graph)


def test_a_condition_picks_a_branch_and_any_joins_it_again() -> None:
    run = branches("any", B=False, C=True)
    events = run.succeed(NOW, "A", output={})
    assert kinds(events) == ["component.finished A", "component.finished B", "attempt.started C"]
    assert events[1]["status"] == "skipped"
    assert events[1]["message"] == "Not needed, because the condition of “A” → “B” is false."
    run.succeed(NOW, "C", output={})
    run.succeed(NOW, "D", output={})
    assert run.state.status == "succeeded"
    assert statuses(run) == {"A": "succeeded", "B": "skipped", "C": "succeeded", "D": "succeeded"}


def test_all_waits_for_what_is_open_before_it_is_skipped_and_a_dead_connection_weighs_more() -> None:
    run = branches("all", B=False, C=True)
    run.succeed(NOW, "A", output={})
    assert statuses(run)["D"] == "pending"
    run.fail(NOW, "C", BROKEN)
    assert statuses(run)["D"] == "upstream_failed"
    assert run.state.status == "failed"
    run = branches("all", B=False, C=True)
    run.succeed(NOW, "A", output={})
    run.succeed(NOW, "C", output={})
    assert statuses(run)["D"] == "skipped"
    assert run.state.status == "succeeded"


def test_any_starts_once_and_bears_a_failure_of_the_other() -> None:
    run = branches("any")
    run.succeed(NOW, "A", output={})
    assert kinds(run.succeed(NOW, "B", output={}))[-1] == "attempt.started D"
    assert [edge.source for edge in run.sources("D")] == ["B"]
    assert kinds(run.fail(NOW, "C", BROKEN)) == ["attempt.failed C", "component.finished C"]
    assert [edge.source for edge in run.sources("D")] == ["B"]
    run.succeed(NOW, "D", output={})
    assert run.state.status == "succeeded"


def test_what_ends_later_does_not_feed_what_any_has_started() -> None:
    run = branches("any")
    run.succeed(NOW, "A", output={})
    run.succeed(NOW, "C", output={})
    assert kinds(run.succeed(NOW, "B", output={})) == ["component.finished B"]
    run.resume(NOW)
    assert run.state.components["D"].attempt == 2
    assert [edge.source for edge in run.sources("D")] == ["C"]


def test_a_condition_without_an_answer_fails_its_target_and_picks_no_branch() -> None:
    def broken(_inputs: dict[str, Any], _output: dict[str, Any]) -> bool:
        raise NoAnswer("no such key: order")

    graph = a_graph({"A": {}, "B": {}, "C": {}}, [("A", "B"), ("A", "C")], Rules({("A", "B"): broken}))
    run = begun(graph)
    failed = run.succeed(NOW, "A", output={})[1]
    assert (failed["component"], failed["status"], failed["failure"]["code"]) == ("B", "failed", "ConditionFailed")
    assert "“A” → “B”" in failed["message"]
    assert "no such key: order. Correct when:" in failed["message"]
    run.succeed(NOW, "C", output={})
    assert run.state.status == "failed"


@pytest.mark.parametrize(
    ("components", "edges", "words"),
    [
        ({"A": {}, "B": {"join": 2}}, [("A", "B")], "waits for 2 connections, and there is one"),
        ({"A": {}, "U": {"compensates": "X"}}, [], "none of the components"),
        ({"A": {}, "U": {"compensates": "U"}}, [], "compensates something itself"),
        ({"A": {}, "U": {"compensates": "A"}, "V": {"compensates": "A"}}, [], "compensated twice"),
        ({"A": {}, "U": {"compensates": "A"}}, [("A", "U")], "so it has no connections"),
    ],
)
def test_a_graph_with_a_wrong_join_or_compensation_is_refused(components: Any, edges: Any, words: str) -> None:
    with pytest.raises(GraphRefused, match=words):
        a_graph(components, edges)


def test_five_hundred_components_in_a_row_fail_without_a_deep_stack() -> None:
    names = [f"C{number}" for number in range(500)]
    run = begun(a_graph({name: {} for name in names}, list(pairwise(names))))
    run.fail(NOW, "C0", BROKEN)
    assert set(statuses(run).values()) == {"failed", "upstream_failed"}
    assert run.state.status == "failed"


def test_conditions_are_asked_again_when_their_source_runs_again() -> None:
    graph = a_graph({"A": {}, "B": {}}, [("A", "B")], Rules({("A", "B"): lambda inputs, output: inputs["n"] == output["n"]}))
    run = begun(graph)
    run.succeed(NOW, "A", output={"n": 1})
    run.succeed(NOW, "B", output={})
    run.retry(NOW, ["A"], scope="following", requested_by="ada", change=Change(inputs={"n": 2}))
    run.succeed(NOW, "A", output={"n": 1})
    assert statuses(run)["B"] == "skipped"
    run.retry(NOW, ["A"], scope="following", requested_by="ada")
    assert kinds(run.succeed(NOW, "A", output={"n": 2}))[-1] == "attempt.started B"
