"""What people ask of runs: pause, cancel with compensation, limits of time, and every way to retry."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executor.domain.events import encode
from executor.domain.graph import Graph
from executor.domain.journal import State, fold
from executor.domain.rules import Rules
from executor.domain.run import Change, Failure, Refused, Run, Trace
from shared.contracts.workflows import Component, Connection, ErrorClasses, FixedRetry, WorkflowDefinition

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BROKEN = Failure("Broken", "It can't work.", retryable=False)
BOOM = Failure("Boom", "It went wrong.", retryable=True)


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


CHAIN = [("A", "B"), ("B", "C"), ("C", "D")]


def chain(**given: dict[str, Any]) -> Graph:
    return a_graph({name: given.get(name, {}) for name in "ABCD"}, CHAIN)


# ── pause ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_in_a_pause_nothing_starts_and_afterwards_all_that_is_ready_or_due_does() -> None:
    graph = a_graph({"A": {}, "B": {"retry": FixedRetry(every=5)}, "C": {}, "D": {}}, [("A", "C"), ("C", "D")])
    run = begun(graph)
    assert kinds(run.pause(NOW, reason="maintenance", requested_by="ada")) == ["run.paused"]
    assert run.state.standing == "paused"
    assert kinds(run.succeed(NOW, "A", output={})) == ["component.finished A"]
    run.fail(NOW, "B", BOOM)
    assert run.wake(NOW, "B") == []
    assert run.state.idle
    with pytest.raises(Refused, match="paused already"):
        run.pause(NOW, reason="", requested_by="")
    with pytest.raises(Refused, match="Resume it first"):
        run.retry_now(NOW, "B")
    later = NOW + timedelta(seconds=5)
    assert kinds(run.proceed(later, reason="", requested_by="ada")) == ["run.resumed", "attempt.started B", "attempt.started C"]
    with pytest.raises(Refused, match="not paused; it is running"):
        run.proceed(NOW, reason="", requested_by="")


def test_an_attempt_that_is_lost_in_a_pause_is_made_again_after_it() -> None:
    run = begun(chain())
    run.pause(NOW, reason="", requested_by="")
    assert kinds(run.resume(NOW)) == ["attempt.failed A"]
    assert statuses(run)["A"] == "retrying"
    assert kinds(run.proceed(NOW, reason="", requested_by="")) == ["run.resumed", "attempt.started A"]


# ── limits of time ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wait_beyond_the_components_deadline_is_not_planned() -> None:
    run = begun(chain(A={"deadline": 25, "retry": FixedRetry(every=10, attempts=10)}))
    assert run.fail(NOW + timedelta(seconds=2), "A", BOOM)[0]["decision"] == "retry"
    run.wake(NOW + timedelta(seconds=12), "A")
    assert run.time_left(NOW + timedelta(seconds=12), "A") == 13
    failed = run.fail(NOW + timedelta(seconds=15), "A", BOOM)[0]
    assert failed["decision"] == "fail"
    assert "next_attempt_at" not in failed
    assert failed["why"] == "The next attempt would be 10 s from now; the deadline of 25 s for all of them ends before."
    assert statuses(run)["A"] == "failed"


def test_a_runs_time_limit_ends_it_and_says_so_and_what_it_ended_can_be_retried() -> None:
    graph = a_graph({"A": {}, "B": {"retry": FixedRetry(every=900)}, "C": {}}, [("A", "C")], timeout=60)
    run = begun(graph)
    assert run.state.deadline_at == "2026-01-02T03:05:05Z"
    run.fail(NOW, "B", BOOM)
    run.pause(NOW, reason="", requested_by="")
    events = run.expire(NOW + timedelta(seconds=60), transfers={"A": {"read": 5, "confirmed": 4}})
    assert set(statuses(run).values()) == {"cancelled"}
    assert run.state.status == "failed"
    assert "within the 60 s of its timeout:" in events[-1]["message"]
    assert next(e for e in events if e["component"] == "A")["transfer"]["confirmed"] == 4
    assert run.expire(NOW, transfers={}) == []
    reopened = run.retry(NOW + timedelta(hours=1), [], scope="failed", requested_by="ada")[0]
    assert set(reopened["again"]) == {"A", "B", "C"}
    assert reopened["deadline_at"] == "2026-01-02T04:05:05Z"
    assert run.state.deadline_at == reopened["deadline_at"]


# ── compensation ────────────────────────────────────────────────────────────────────────────────────────────────────────


def saga() -> Run:
    undo = {f"Undo{name}": {"compensates": name, "retry": FixedRetry(every=1, attempts=2)} for name in "ABC"}
    graph = a_graph({"A": {}, "B": {}, "C": {}, "D": {}, **undo}, CHAIN, timeout=60)
    run = begun(graph)
    for name in "AB":
        run.succeed(NOW, name, output={"made": name})
    return run


def test_a_cancelled_run_undoes_what_it_did_the_last_first() -> None:
    run = saga()
    assert "UndoA" not in run.state.components
    events = run.cancel(NOW, reason="wrong day", transfers={})
    assert kinds(events) == ["component.finished C", "component.finished D", "attempt.started UndoB"]
    assert [(edge.source, edge.kind) for edge in run.sources("UndoB")] == [("B", "compensates")]
    assert not run.expires
    with pytest.raises(Refused, match="second cancel"):
        run.pause(NOW, reason="", requested_by="")
    run.fail(NOW, "UndoB", BOOM)
    assert run.state.standing == "waiting"
    run = Run(run.graph, run.state, host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)
    run.wake(NOW, "UndoB")
    assert kinds(run.succeed(NOW, "UndoB", output={})) == ["component.finished UndoB", "attempt.started UndoA"]
    events = run.succeed(NOW, "UndoA", output={})
    assert (events[-1]["event"], events[-1]["status"], events[-1]["message"]) == ("run.finished", "cancelled", "wrong day")
    assert "UndoC" not in run.state.components, "what was not done is not undone"
    with pytest.raises(Refused, match="what it had done was undone"):
        run.retry(NOW, ["C"], scope="only", requested_by="")


def test_a_compensation_that_fails_is_said_and_can_be_retried() -> None:
    run = saga()
    run.cancel(NOW, reason="wrong day", transfers={})
    assert kinds(run.fail(NOW, "UndoB", BROKEN)) == ["attempt.failed UndoB", "component.finished UndoB", "attempt.started UndoA"]
    ended = run.succeed(NOW, "UndoA", output={})[-1]
    assert ended["status"] == "cancelled"
    assert ended["message"] == "wrong day. Not everything was undone: “UndoB” (for “B”) is failed."
    events = run.retry(NOW, [], scope="failed", requested_by="ada")
    assert events[0]["again"] == {"UndoB": 2}
    assert kinds(events) == ["run.reopened", "attempt.started UndoB"]
    assert run.idempotency_key("UndoB") == "r:UndoB:2"
    assert run.succeed(NOW, "UndoB", output={})[-1]["message"] == "wrong day"


def test_a_second_cancel_stops_the_compensations() -> None:
    run = saga()
    run.cancel(NOW, reason="wrong day", transfers={})
    ended = run.cancel(NOW, reason="leave it", transfers={})[-1]
    assert ended["status"] == "cancelled"
    assert ended["message"] == "leave it. Not everything was undone: “UndoB” (for “B”) is cancelled; “UndoA” (for “A”) is not tried."


def test_without_anything_done_a_cancel_ends_at_once_and_a_good_run_undoes_nothing() -> None:
    undo = a_graph({"A": {}, "UndoA": {"compensates": "A"}}, [])
    run = begun(undo)
    assert kinds(run.cancel(NOW, reason="", transfers={})) == ["component.finished A", "run.finished"]
    run = begun(undo)
    assert kinds(run.succeed(NOW, "A", output={})) == ["component.finished A", "run.finished"]
    assert statuses(run) == {"A": "succeeded"}


# ── parked ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_parked_component_keeps_its_place_until_a_person_decides() -> None:
    classes = ErrorClasses(park=("HttpStatus:4*",), fail=("HttpStatus:404",), retry=("Broken",))
    graph = chain(A={"errors": classes, "retry": FixedRetry(every=1, attempts=2)})
    run = begun(graph)
    refused = Failure("HttpStatus:409", "shop answered 409.", retryable=True)
    parked = run.fail(NOW, "A", refused)
    assert kinds(parked) == ["attempt.failed A"]
    assert (parked[0]["decision"], parked[0]["why"].split(".")[0]) == ("park", "errors: park names “HttpStatus:4*”")
    assert run.state.standing == "parked"
    assert run.state.idle
    with pytest.raises(Refused, match="Retry it instead"):
        run.retry_now(NOW, "A")
    events = run.retry(NOW, [], scope="failed", requested_by="ada")
    assert events[0]["again"] == {"A": 2}
    assert events[0]["stays"] == ["B", "C", "D"]
    gone = run.fail(NOW, "A", Failure("HttpStatus:404", "shop answered 404.", retryable=True))
    assert gone[0]["decision"] == "fail"
    assert run.state.status == "failed"
    run = begun(graph)
    assert run.fail(NOW, "A", BROKEN)[0]["decision"] == "retry", "an error class beats the connector"


# ── retries ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def done(graph: Graph) -> Run:
    run = begun(graph)
    while not run.state.finished:
        name = next(name for name, part in run.state.components.items() if part.status == "running")
        run.succeed(NOW, name, output={"by": name})
    return run


@pytest.mark.parametrize(
    ("names", "more", "again"),
    [
        (["B"], {"scope": "only"}, "B"),
        (["B"], {"scope": "following"}, "BCD"),
        (["A"], {"scope": "slice", "until": "C"}, "ABC"),
        (["B"], {"scope": "slice", "until": "B"}, "B"),
    ],
)
def test_each_scope_runs_what_it_says_and_no_more(names: list[str], more: dict[str, Any], again: str) -> None:
    run = done(chain())
    events = run.retry(NOW, names, requested_by="ada", **more)
    assert "".join(events[0]["again"]) == again
    assert "".join(events[0]["stays"]) == "".join(name for name in "ABCD" if name not in again)
    assert kinds(events[1:]) == [f"attempt.started {again[0]}"]
    for name in again:
        run.succeed(NOW, name, output={"by": name})
    assert run.state.status == "succeeded"


def test_what_cannot_be_retried_is_refused_with_the_way_out() -> None:
    run = done(chain())
    for names, more, words in (
        ([], {"scope": "only"}, "Name the components"),
        (["A"], {"scope": "slice"}, "name both ends"),
        (["C"], {"scope": "slice", "until": "A"}, "no way from “C” to “A”"),
        (["A"], {"scope": "slice", "until": "X"}, "no component “X”"),
        ([], {"scope": "failed"}, "Nothing of that has failed"),
        (["A"], {"scope": "only", "expected_seq": 3}, "has gone on since you looked"),
    ):
        with pytest.raises(Refused, match=words):
            run.retry(NOW, names, requested_by="", **more)
    seen = run.state.seq
    run.retry(NOW, ["A"], scope="only", requested_by="ada", expected_seq=seen)
    with pytest.raises(Refused, match="gone on"):
        run.retry(NOW, ["A"], scope="only", requested_by="bob", expected_seq=seen)
    with pytest.raises(Refused, match="“A” is running"):
        run.retry(NOW, ["A"], scope="only", requested_by="bob")


def test_a_retry_in_another_version_with_other_inputs() -> None:
    run = done(chain())
    before = {name: part.output for name, part in run.state.components.items()}
    new = a_graph({name: {} for name in "ABDEX"}, [("A", "B"), ("B", "E"), ("E", "D"), ("A", "X")], timeout=60)
    with pytest.raises(Refused, match="Version 2 has no component “C”, which is succeeded"):
        run.retry(NOW, ["B"], scope="following", requested_by="", change=Change(2, new))
    new = a_graph({name: {} for name in "ABCDX"}, [("A", "B"), ("B", "C"), ("C", "D"), ("A", "X")], timeout=60)
    events = run.retry(NOW, ["D"], scope="only", requested_by="ada", change=Change(2, new, {"n": 2}))
    assert events[0]["again"] == {"D": 2, "X": 1}
    assert events[0]["stays"] == ["A", "B", "C"]
    assert (events[0]["version"], events[0]["inputs"], run.state.version, run.state.inputs) == (2, {"n": 2}, 2, {"n": 2})
    assert sorted(kinds(events[1:])) == ["attempt.started D", "attempt.started X"]
    run.succeed(NOW, "D", output={})
    ended = run.succeed(NOW, "X", output={})[-1]
    assert (ended["status"], ended["version"]) == ("succeeded", 2)
    assert {name: run.state.components[name].output for name in "ABC"} == {name: before[name] for name in "ABC"}


def test_a_component_that_comes_back_with_its_version_has_a_generation_that_it_never_had() -> None:
    run = done(chain(C={"errors": ErrorClasses(park=("Broken",))}))
    run.retry(NOW, ["C"], scope="following", requested_by="")
    run.fail(NOW, "C", BROKEN)
    assert (run.state.components["D"].status, run.state.components["D"].generation) == ("pending", 2)
    short, old = a_graph({name: {} for name in "ABC"}, CHAIN[:2]), run.graph
    run.retry(NOW, ["C"], scope="only", requested_by="", change=Change(2, short))
    run.succeed(NOW, "C", output={})
    assert "D" not in run.state.components
    events = run.retry(NOW, ["C"], scope="only", requested_by="", change=Change(1, old))
    assert events[0]["again"] == {"C": 4, "D": 3}, "else it would have the idempotency key of what it did before"


def test_a_version_is_not_changed_under_what_is_under_way() -> None:
    run = begun(chain())
    with pytest.raises(Refused, match="“A” is running in version 1"):
        run.retry(NOW, ["A"], scope="only", requested_by="", change=Change(2, chain()))


def test_a_run_that_changed_its_version_folds_to_the_same_state_from_its_journal() -> None:
    park = ErrorClasses(park=("*",))
    old = a_graph({"A": {}, "B": {"errors": park}, "Gone": {}}, [("A", "B"), ("B", "Gone")])
    run = Run(old, State("r", "w1", old.order), host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)
    events = run.start(NOW, version=1, inputs={}, requested_by="t", trigger="api", trace=Trace("a" * 32, "b" * 16))
    events += run.succeed(NOW, "A", output={"by": "A"})
    events += run.fail(NOW, "B", BROKEN)
    new = a_graph({"A": {}, "B": {}, "New": {}}, [("A", "B"), ("B", "New")])
    events += run.retry(NOW, ["B"], scope="only", requested_by="ada", change=Change(2, new))
    assert set(run.state.components) == {"A", "B", "New"}, "what had not begun and is gone in the new version is dropped"
    events += run.succeed(NOW, "B", output={})
    events += run.succeed(NOW, "New", output={})
    assert run.state.status == "succeeded"
    again = fold("r", "w1", new.order, events)
    assert (again.open, again.version, again.status) == (0, 2, "succeeded")
    assert encode({n: (p.status, p.generation) for n, p in again.components.items()}) == encode(
        {n: (p.status, p.generation) for n, p in run.state.components.items()}
    )
