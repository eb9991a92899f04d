"""Judges a run's events by the tables in ``executor.domain.joins``, told a second time and in another way."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from executor.domain.events import encode
from executor.domain.graph import Graph
from shared.contracts.runs import RunEvent
from shared.contracts.workflows import Connection

DEAD = {"failed", "upstream_failed", "cancelled"}
ADAPTER: TypeAdapter[Any] = TypeAdapter(RunEvent)


class Oracle:
    """Is told every event in order; ``versions`` are the graphs of the workflow's versions."""

    def __init__(self, versions: dict[int, Graph]) -> None:
        self.versions = versions
        self.graph = versions[1]
        self.done: dict[str, tuple[str, dict[str, Any]]] = {}
        self.seen: Counter[tuple[Any, ...]] = Counter()
        self.running: dict[str, tuple[int, int]] = {}  # generation and attempt
        self.began: dict[tuple[str, int], datetime] = {}
        self.paused = self.queued = self.ended = False

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
            elif kind == "attempt.failed":
                self.failed(name, told)
            elif kind == "component.finished":
                self.finished(name, told)
            elif kind == "run.started":
                self.queued = told.get("queued", False)
            elif kind == "run.reopened":
                self.reopened(told)
            elif kind == "run.released":
                assert self.queued
                self.queued = False
            elif kind in {"run.paused", "run.resumed"}:
                self.paused = kind == "run.paused"
            elif kind == "run.finished":
                assert not self.running
                self.ended, self.paused, self.queued = True, False, False
                assert all(name in self.done for name in self.graph.order)
                leaves = {self.done[name][0] for name in self.graph.leaves}
                assert (told["status"] == "succeeded") == (leaves <= {"succeeded", "skipped"} and "cancelled" not in self.statuses())

    def statuses(self) -> set[str]:
        return {status for status, _ in self.done.values()}

    def started(self, name: str, told: dict[str, Any]) -> None:
        assert not self.paused, "nothing starts in a pause"
        assert not self.queued, "nothing starts before the run's turn"
        assert name not in self.running, "no two attempts of a component at once"
        self.running[name] = (told["generation"], told["attempt"])
        self.began.setdefault((name, told["generation"]), datetime.fromisoformat(told["at"]))
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

    def failed(self, name: str, told: dict[str, Any]) -> None:
        assert self.running.get(name) == (told["generation"], told["attempt"]), "what fails was under way"
        if told["decision"] != "fail":
            del self.running[name]
        deadline = self.graph.components[name].deadline
        if "next_attempt_at" in told and deadline is not None:
            ends = self.began[name, told["generation"]] + timedelta(seconds=deadline)
            assert datetime.fromisoformat(told["next_attempt_at"]) < ends, "nothing is planned behind the component's deadline"

    def reopened(self, told: dict[str, Any]) -> None:
        assert not self.queued or told.get("queued"), "a queued run stays queued"
        assert not told["again"].keys() & self.running.keys(), "what is under way does not begin again"
        if told.get("version") is not None:
            assert not self.running
            self.graph = self.versions[told["version"]]
            assert set(self.done) <= self.graph.components.keys(), "no outcome is lost"
        for again in told["again"]:
            self.done.pop(again, None)
        self.ended, self.queued = False, told.get("queued", False)

    def finished(self, name: str, told: dict[str, Any]) -> None:
        assert name not in self.done
        self.running.pop(name, None)
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
