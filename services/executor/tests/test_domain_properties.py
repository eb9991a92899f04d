"""Runs over random graphs, outcomes, crashes, pauses and retries: the promises that must hold for all of them."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from executor.domain.events import decode, encode
from executor.domain.graph import Graph
from executor.domain.journal import State, fold
from executor.domain.rules import NoAnswer, Rules
from executor.domain.run import Failure, Refused, Run, Trace
from shared.contracts.runs import RunEvent
from shared.contracts.workflows import Component, Connection, ErrorClasses, FixedRetry, WorkflowDefinition

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TERMINAL = {"succeeded", "failed", "upstream_failed", "skipped", "cancelled"}
DEAD = {"failed", "upstream_failed", "cancelled"}
FAILURES = {code: Failure(code, "It went wrong.", retryable=code != "Broken") for code in ("Boom", "Broken", "Stuck")}
ADAPTER: TypeAdapter[Any] = TypeAdapter(RunEvent)


def even(_inputs: dict[str, Any], output: dict[str, Any]) -> bool:
    if "n" not in output:
        raise NoAnswer("no such key: n")
    return output["n"] % 2 == 0


def never(_inputs: dict[str, Any], _output: dict[str, Any]) -> bool:
    raise NoAnswer("division by zero")


CONDITIONS = {"even": even, "yes": lambda _inputs, _output: True, "no": lambda _inputs, _output: False, "never": never}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Return any graph: every join, conditions of every answer, compensations, retries, error classes."""
    size = draw(st.integers(1, 7))
    names = [f"C{n}" for n in range(size)]
    edges = [(names[a], names[b]) for b in range(size) for a in range(b) if draw(st.booleans())]
    leading = Counter(target for _, target in edges)
    strategy = FixedRetry(every=1, attempts=2) if draw(st.booleans()) else None
    components = []
    for name in names:
        joins: list[Any] = ["all", "all", "any", *range(1, leading[name] + 1)]
        join = draw(st.sampled_from(joins))
        components.append(Component(name=name, kind="trivial", retry=strategy, join=join, errors=ErrorClasses(park=("Stuck",))))
    undone = [name for name in names if draw(st.integers(0, 3)) == 0]
    components += [Component(name=f"Undo{name}", kind="trivial", retry=strategy, compensates=name) for name in undone]
    said = {edge: draw(st.sampled_from(["", "", "even", "yes", "no", "never"])) for edge in edges}
    definition = WorkflowDefinition(
        workflow="w",
        timeout=3600,
        components=tuple(components),
        connections=tuple(Connection(source=a, target=b, kind="processing", when=said[a, b] or None) for a, b in edges),
    )
    return Graph(definition, Rules(conditions={edge: CONDITIONS[word] for edge, word in said.items() if word}))


def a_run(graph: Graph, state: State | None = None) -> Run:
    return Run(graph, state or State("r", "w1", graph.order), host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)


def again(graph: Graph, events: list[dict[str, Any]]) -> State:
    return fold("r", "w1", graph.order, [decode(encode(event)) for event in events])


def told(state: State) -> dict[str, Any]:
    """Return all of a state as plain values."""
    parts = {name: {slot: getattr(part, slot) for slot in part.__slots__} for name, part in state.components.items()}
    return {slot: getattr(state, slot) for slot in state.__slots__ if slot != "components"} | {"components": parts}


class Oracle:
    """Judges a run's events by the tables in ``executor.domain.joins``, told a second time and in another way."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.done: dict[str, tuple[str, dict[str, Any]]] = {}
        self.seen: Counter[tuple[Any, ...]] = Counter()
        self.paused = self.ended = False

    def connections(self, name: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for edge in self.graph.definition.connections:
            if edge.target == name:
                status, output = self.done.get(edge.source, ("open", {}))
                found[self.answer(edge, output) if status == "succeeded" else self.by_status(status)] += 1
        return found

    @staticmethod
    def by_status(status: str) -> str:
        return "dead" if status in DEAD else "false" if status == "skipped" else "open"

    @staticmethod
    def answer(edge: Connection, output: dict[str, Any]) -> str:
        if edge.when == "never" or (edge.when == "even" and "n" not in output):
            return "error"
        return "true" if edge.when in {None, "yes"} or (edge.when == "even" and output["n"] % 2 == 0) else "false"

    def needed(self, name: str) -> int:
        join, count = self.graph.components[name].join, sum(edge.target == name for edge in self.graph.definition.connections)
        return {"all": count, "any": min(1, count)}.get(join, join) if isinstance(join, str) else join

    def watch(self, events: list[dict[str, Any]]) -> None:
        for told in events:
            ADAPTER.validate_json(encode(told))
            name, kind = told.get("component", ""), told["event"]
            assert not self.ended or kind in {"run.reopened", "command.refused"}
            if kind == "attempt.started":
                self.started(name, told)
            elif kind == "component.finished":
                self.finished(name, told)
            elif kind == "run.reopened":
                for again in told["again"]:
                    self.done.pop(again, None)
                self.ended = False
            elif kind in {"run.paused", "run.resumed"}:
                self.paused = kind == "run.paused"
            elif kind == "run.finished":
                self.ended, self.paused = True, False
                assert all(name in self.done for name in self.graph.order)
                leaves = {self.done[name][0] for name in self.graph.leaves}
                assert (told["status"] == "succeeded") == (leaves <= {"succeeded", "skipped"} and "cancelled" not in self.statuses())

    def statuses(self) -> set[str]:
        return {status for status, _ in self.done.values()}

    def started(self, name: str, told: dict[str, Any]) -> None:
        assert not self.paused, "nothing starts in a pause"
        assert name not in self.done, "nothing starts that has its outcome"
        self.seen["attempt", name, told["generation"], told["attempt"]] += 1
        assert self.seen["attempt", name, told["generation"], told["attempt"]] == 1
        if undone := self.graph.components[name].compensates:
            assert self.done[undone][0] == "succeeded", "only what was done is undone"
            assert all(main in self.done for main in self.graph.order), "everything else has stopped"
            later = self.graph.following([undone])
            for other, of in self.graph.undoes.items():
                assert of not in later or self.done[of][0] != "succeeded" or other in self.done, "the last thing done is undone first"
        elif told["attempt"] == 1:
            found = self.connections(name)
            assert found["true"] >= self.needed(name)
            assert not found["error"] or self.needed(name) < sum(found.values())

    def finished(self, name: str, told: dict[str, Any]) -> None:
        assert name not in self.done
        self.seen["outcome", name, told["generation"]] += 1
        assert self.seen["outcome", name, told["generation"]] == 1
        if told["status"] in {"skipped", "upstream_failed"} or (told.get("failure") or {}).get("code") == "ConditionFailed":
            found, needed = self.connections(name), self.needed(name)
            if told["status"] == "skipped":
                assert not found["dead"] + found["open"] + found["error"]
                assert found["true"] < needed
            elif told["status"] == "upstream_failed":
                assert found["dead"]
                assert found["true"] + found["open"] < needed
            else:
                assert found["error"]
        self.done[name] = (told["status"], told["output"])


def by_chance(run: Run, data: st.DataObject, events: list[dict[str, Any]]) -> tuple[Run, list[dict[str, Any]]]:  # noqa: C901 - a list of what can happen
    """Let something happen that may happen; return the run, which is another one after a crash, and what followed."""
    parts = run.state.components
    running = [name for name, part in parts.items() if part.status == "running"]
    retrying = [name for name, part in parts.items() if part.status == "retrying"]
    what = data.draw(
        st.sampled_from(["good"] * 5 + ["Boom", "Broken", "Stuck", "crash", "pause", "proceed", "wake", "wake", "stop", "retry"])
    )
    if what == "crash":
        run = a_run(run.graph, again(run.graph, events))
        return run, run.resume(NOW)
    if what in {"good", *FAILURES} and running:
        name = data.draw(st.sampled_from(running))
        if what == "good":
            return run, run.succeed(NOW, name, output=data.draw(st.sampled_from([{"n": 1}, {"n": 2}, {"n": 2}, {}])))
        return run, run.fail(NOW, name, FAILURES[what])
    if what == "wake" and retrying:
        return run, run.wake(NOW, data.draw(st.sampled_from(retrying)))
    try:
        if what == "pause":
            return run, run.pause(NOW, reason="", requested_by="t")
        if what == "proceed":
            return run, run.proceed(NOW, reason="", requested_by="t")
        if what == "stop" and data.draw(st.booleans()):
            if data.draw(st.booleans()):
                return run, run.expire(NOW, transfers={})
            return run, run.cancel(NOW, reason="enough", transfers={})
        if what == "retry":
            return run, retried(run, data, events)
    except Refused as refused:
        assert str(refused).endswith(".")
    return run, []


def retried(run: Run, data: st.DataObject, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Retry anything; whatever stays has the outcome that it had, byte for byte."""
    before = {told["component"]: encode(told) for told in events if told["event"] == "component.finished"}
    statuses = {name: part.status for name, part in run.state.components.items()}
    scope = data.draw(st.sampled_from(["only", "following", "slice", "failed"]))
    names = data.draw(st.lists(st.sampled_from(sorted(run.graph.components)), max_size=2))
    until = data.draw(st.sampled_from(run.graph.order)) if scope == "slice" else None
    new = run.retry(NOW, names, scope=scope, until=until, requested_by="t")
    for name in new[0]["stays"]:
        if statuses[name] in TERMINAL:
            assert run.state.components[name].status == statuses[name]
            assert not [told for told in new if told.get("component") == name]
            assert encode(next(told for told in reversed(events) if told.get("component") == name and "status" in told)) == before[name]
    return new


@settings(max_examples=300, deadline=None)
@given(graphs(), st.data())
def test_every_run_ends_in_order_whatever_happens(graph: Graph, data: st.DataObject) -> None:
    run, oracle = a_run(graph), Oracle(graph)
    trace = Trace("a" * 32, "b" * 16)
    events = run.start(NOW, version=1, inputs={}, requested_by="t", trigger="api", trace=trace)
    oracle.watch(events)
    for _ in range(data.draw(st.integers(0, 40))):
        run, new = by_chance(run, data, events)
        events += new
        oracle.watch(new)
    for _ in range(500):
        new = onward(run)
        if new is None:
            break
        events += new
        oracle.watch(new)
    assert run.state.standing in {"succeeded", "failed", "cancelled", "parked"}
    event(run.state.standing)
    if run.state.standing == "parked":
        assert run.state.idle
        for _ in range(2):  # the second one ends compensations that are parked themselves
            if not run.state.finished:
                new = run.cancel(NOW, reason="enough", transfers={})
                while new is not None:
                    events += new
                    oracle.watch(new)
                    new = onward(run)
    assert run.state.finished
    assert run.state.open == 0
    assert [told["seq"] for told in events] == list(range(1, len(events) + 1))
    assert told(again(graph, events)) == told(run.state)


def onward(run: Run) -> list[dict[str, Any]] | None:
    """Let the next thing happen that needs no person; None = there is none."""
    if run.state.paused:
        return run.proceed(NOW, reason="", requested_by="t")
    for name, part in run.state.components.items():
        if part.status == "running":
            return run.succeed(NOW, name, output={"n": 2})
        if part.status == "retrying":
            return run.wake(NOW, name)
    return None
