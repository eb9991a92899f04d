"""What the page of a run offers, and what it says that this will do."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.application.answers.runs import ComponentAnswer, GraphEdge, GraphNode, Hold, RunDetail
from gateway.application.queries.run_actions import actions_of, waits_of
from gateway.application.queries.run_panel import panel_of
from gateway.application.views.parts import Action

AT = datetime(2026, 11, 22, 3, 10, tzinfo=UTC)


def part(name: str, status: str, **more: Any) -> ComponentAnswer:
    return ComponentAnswer(component=name, generation=1, attempt=1, status=status, **more)


def run(*parts: ComponentAnswer, status: str = "running", undo: str | None = None, **more: Any) -> RunDetail:
    nodes = [GraphNode(name="A", kind="mq"), GraphNode(name="B", kind="service")]
    nodes += [GraphNode(name="Undo", kind="service", compensates=undo)] if undo else []
    edges = (GraphEdge(source="A", target="B", kind="processing"),)
    of = {"id": "r1", "workflow_id": "w1", "workflow": "orders", "version": 1, "asked_at": AT, "started_at": AT, "updated_at": AT}
    return RunDetail(**of, status=status, components=parts, nodes=tuple(nodes), edges=edges, **more)


def offered(found: RunDetail) -> dict[str, Action]:
    return {action.label: action for action in actions_of(found)}


@pytest.mark.parametrize(
    ("undo", "said"),
    [
        ("A", "Then this runs, to undo what was done: Undo (undoes A). Everything else stays."),
        ("B", "Nothing that is done so far has a compensation; what is confirmed stays where it is."),
        (None, "What is confirmed stays where it is; nothing further is sent."),
    ],
)
def test_a_cancel_says_what_it_undoes(undo: str | None, said: str) -> None:
    cancel = offered(run(part("A", "succeeded"), part("B", "running"), undo=undo))["Cancel"]
    assert said in cancel.consequence
    assert cancel.refused == ""


def test_undoing_can_be_stopped_and_a_cancel_that_waits_is_not_asked_twice() -> None:
    asked = run(part("A", "succeeded"), part("B", "running"), undo="A", cancel_asked_at=AT)
    assert offered(asked)["Cancel"].refused == "It was asked for already"
    begun = run(part("A", "succeeded"), part("B", "cancelled"), part("Undo", "running"), undo="A", cancel_asked_at=AT)
    actions = offered(begun)
    assert not {"Cancel", "Pause"} & actions.keys()
    assert (actions["Stop undoing"].url, actions["Stop undoing"].refused) == ("/runs/r1/cancel/", "")


def test_a_pause_says_that_the_time_limit_goes_on_counting() -> None:
    parts = (part("A", "succeeded"), part("B", "running"))
    limited = offered(run(*parts, deadline_at=AT))["Pause"]
    assert "Its time limit goes on counting: it must still end by 2026-11-22 03:10:00 UTC." in limited.consequence
    assert "time limit" not in offered(run(*parts))["Pause"].consequence


@pytest.mark.parametrize(("limit", "may"), [("retry_budget", True), ("concurrency", False), ("breaker", False)])
def test_only_the_retry_budget_can_be_passed(limit: str, may: bool) -> None:
    held = part("B", "running", held=Hold(at=AT, limit=limit, reason="It is at its limit."))
    found = run(part("A", "succeeded"), held)
    (wait,) = waits_of(found)
    assert bool(wait.actions) is may
    assert ("Retry now" in [action.label for action in panel_of(found, held).actions]) is may


def test_a_planned_attempt_begins_now_unless_the_run_is_paused() -> None:
    planned = part("B", "retrying", next_attempt_at=AT)
    assert [action.label for action in panel_of(run(planned, status="waiting"), planned).actions] == ["Retry now"]
    assert panel_of(run(planned, status="paused"), planned).actions == ()
