"""Runs over random graphs, outcomes, crashes, pauses, turns, holds, versions and retries: the promises that must hold for all of them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from run_oracle import Oracle

from executor.domain.events import decode, encode
from executor.domain.graph import Graph
from executor.domain.journal import State, fold
from executor.domain.rules import NoAnswer, Rules
from executor.domain.run import Change, Failure, Refused, Run, Trace
from shared.contracts.workflows import Component, Connection, ErrorClasses, FixedRetry, WorkflowDefinition

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TERMINAL = {"succeeded", "failed", "upstream_failed", "skipped", "cancelled"}
FAILURES = {code: Failure(code, "It went wrong.", retryable=code != "Broken") for code in ("Boom", "Broken", "Stuck")}


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
        join, deadline = draw(st.sampled_from(joins)), draw(st.sampled_from([None, None, 2.5]))
        errors = ErrorClasses(park=("Stuck",))
        components.append(Component(name=name, kind="trivial", retry=strategy, deadline=deadline, join=join, errors=errors))
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


@dataclass
class Play:
    """One run on its way: what has happened, and what may happen next."""

    versions: dict[int, Graph]
    data: st.DataObject
    run: Run
    at: datetime = NOW
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.versions)

    def take(self, new: list[dict[str, Any]]) -> None:
        self.events += new
        self.oracle.watch(new)

    def of(self, status: str) -> list[str]:
        return [name for name, part in self.run.state.components.items() if part.status == status]

    def by_chance(self) -> None:
        """Let something happen that may happen."""
        outcomes = ["good"] * 5 + ["Boom", "Broken", "Stuck", "hold", "hold"]
        self.at += timedelta(seconds=self.data.draw(st.sampled_from([0, 0, 0, 1, 2])))
        what = self.data.draw(
            st.sampled_from(outcomes * bool(self.of("running")) + ["crash", "pause", "go on", "wake", "stop", "retry", "retry"])
        )
        try:
            if what in outcomes:
                self.ends(what, self.data.draw(st.sampled_from(self.of("running"))))
            elif what == "crash":
                self.run = a_run(self.run.graph, again(self.run.graph, self.events))
                self.take(self.run.resume(self.at))
            elif what == "go on":
                self.take(self.run.release(self.at) if self.run.state.queued else self.run.proceed(self.at, reason="", requested_by="t"))
            elif what == "wake" and self.of("retrying"):
                self.take(self.run.wake(self.at, self.data.draw(st.sampled_from(self.of("retrying")))))
            elif what == "pause":
                self.pause()
            elif what == "stop" and self.data.draw(st.booleans()):
                expires = self.data.draw(st.booleans())
                self.take(self.run.expire(self.at, transfers={}) if expires else self.run.cancel(self.at, reason="enough", transfers={}))
            elif what == "retry":
                self.retry()
        except Refused as refused:
            assert str(refused).endswith(".")

    def ends(self, how: str, name: str) -> None:
        if how == "hold":
            over = self.run.state.components[name].held is not None
            self.take(self.run.hold(self.at, name, limit="breaker", reason="It is open.", until=None, over=over))
        elif how == "good":
            output = self.data.draw(st.sampled_from([{"n": 1}, {"n": 2}, {"n": 2}, {}]))
            self.take(self.run.succeed(self.at, name, output=output))
        else:
            self.take(self.run.fail(self.at, name, FAILURES[how]))

    def pause(self) -> None:
        """Pause; what waits at a gate goes away from it, as the engine has it."""
        self.take(self.run.pause(self.at, reason="", requested_by="t"))
        for name in self.of("running"):
            if self.run.state.components[name].held is not None:
                self.take(self.run.withdraw(self.at, name, "The run was paused."))

    def retry(self) -> None:
        """Retry anything, in any version and with other inputs; whatever stays has the outcome that it had, byte for byte."""
        draw, state = self.data.draw, self.run.state
        before = {told["component"]: encode(told) for told in self.events if told["event"] == "component.finished"}
        statuses = {name: part.status for name, part in state.components.items()}
        version = draw(st.sampled_from([None, *self.versions]))
        if version is None or version == state.version:
            change = Change(inputs=draw(st.sampled_from([None, {"n": 3}])))
        else:
            change = Change(version, self.versions[version])
        graph = change.graph or self.run.graph
        scope = draw(st.sampled_from(["only", "following", "slice", "failed", "failed"]))
        names = [] if scope == "failed" else draw(st.lists(st.sampled_from(sorted(graph.components)), max_size=2))
        until = draw(st.sampled_from(graph.order)) if scope == "slice" else None
        # The queue of runs is asked about a run that had ended only, and not about one that is being undone.
        queued = draw(st.sampled_from([None, "workflow"])) if state.finished and not self.run.compensating else None
        new = self.run.retry(self.at, names, scope=scope, until=until, requested_by="t", change=change, queued=queued)
        event(f"retried in {'another' if change.version else 'the same'} version")
        for name in new[0]["stays"]:
            if statuses[name] in TERMINAL:
                assert self.run.state.components[name].status == statuses[name]
                assert not [told for told in new if told.get("component") == name]
                last = next(told for told in reversed(self.events) if told.get("component") == name and "status" in told)
                assert encode(last) == before[name]
        self.take(new)

    def onward(self) -> bool:
        """Let the next thing happen that needs no person; return whether there is one."""
        if self.run.state.queued:
            self.take(self.run.release(self.at))
            return True
        if self.run.state.paused:
            self.take(self.run.proceed(self.at, reason="", requested_by="t"))
            return True
        for name in self.of("running"):
            self.take(self.run.succeed(self.at, name, output={"n": 2}))
            return True
        for name in self.of("retrying"):
            self.take(self.run.wake(self.at, name))
            return True
        return False

    def to_rest(self) -> None:
        for _ in range(500):
            if not self.onward():
                return
        raise AssertionError(f"It does not come to rest: {self.events[-9:]}")


@settings(max_examples=300, deadline=None)
@given(st.lists(graphs(), min_size=1, max_size=3), st.sampled_from([None, None, "workflow"]), st.data())
def test_every_run_ends_in_order_whatever_happens(graphs: list[Graph], queued: Any, data: st.DataObject) -> None:
    versions = dict(enumerate(graphs, 1))
    play = Play(versions, data, a_run(versions[1]))
    trace = Trace("a" * 32, "b" * 16)
    play.take(play.run.start(NOW, version=1, inputs={}, requested_by="t", trigger="api", trace=trace, queued=queued))
    for _ in range(data.draw(st.integers(0, 40))):
        play.by_chance()
    play.to_rest()
    assert play.run.state.standing in {"succeeded", "failed", "cancelled", "parked"}
    event(play.run.state.standing)
    if play.run.state.standing == "parked":
        assert play.run.state.idle
        for _ in range(2):  # the second one ends compensations that are parked themselves
            if not play.run.state.finished:
                play.take(play.run.cancel(play.at, reason="enough", transfers={}))
                play.to_rest()
    state, events = play.run.state, play.events
    assert state.finished
    assert state.open == 0
    assert [told["seq"] for told in events] == list(range(1, len(events) + 1))
    assert told(again(play.run.graph, events)) == told(state)
