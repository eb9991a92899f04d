"""The events of one run as they are made: each is folded into the state at once, so the next rule sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from executor.domain.events import Event, without_none
from executor.domain.graph import Graph
from executor.domain.journal import State


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace that a run belongs to."""

    trace_id: str
    span_id: str
    parent_span_id: str | None = None


class Record:
    """One run's graph and state, and the ways to write on in its journal."""

    __slots__ = ("_host", "_spans", "graph", "state")

    def __init__(self, graph: Graph, state: State, *, host: str, spans: Callable[[], str]) -> None:
        self.graph = graph
        self.state = state
        self._host = host
        self._spans = spans

    def idempotency_key(self, name: str) -> str:
        """Return the key that is the same on every attempt of a component's generation."""
        return f"{self.state.run_id}:{name}:{self.state.components[name].generation}"

    def _attempt(self, events: list[Event], name: str, now: str) -> None:
        part = self.state.components.get(name)
        generation, attempt = (1, 1) if part is None else (part.generation, part.attempt + 1)
        body = {"event": "attempt.started", "component": name, "generation": generation, "attempt": attempt}
        self._add(events, body | {"host": self._host, "span_id": self._spans()}, now)

    def _of_attempt(self, event: str, name: str) -> Event:
        part = self.state.components[name]
        return {"event": event, "component": name, "generation": part.generation, "attempt": part.attempt, "span_id": part.span_id}

    def _finish(
        self,
        events: list[Event],
        name: str,
        now: str,
        status: str,
        *,
        output: dict[str, Any] | None = None,
        transfer: dict[str, Any] | None = None,
        failure: dict[str, Any] | None = None,
        message: str = "",
    ) -> None:
        part = self.state.components[name]
        body: Event = {"event": "component.finished", "component": name, "generation": part.generation, "attempt": part.attempt or 1}
        found = {"span_id": part.span_id, "status": status, "started_at": part.started_at, "output": output or {}, "transfer": transfer}
        body |= without_none(found | {"failure": failure})
        body |= {"idempotency_key": self.idempotency_key(name), "host": self._host, "message": message[:4000]}
        self._add(events, body, now)

    def _end(self, events: list[Event], now: str, status: str, message: str = "") -> None:
        body = {"event": "run.finished", "status": status, "started_at": self.state.started_at, "message": message[:4000]}
        self._add(events, body | {"workflow": self.graph.definition.workflow, "version": self.state.version}, now)

    def _add(self, events: list[Event], body: Event, now: str) -> None:
        state = self.state
        event = {"run_id": state.run_id, "workflow_id": state.workflow_id, "seq": state.seq + 1, "at": now, **body}
        state.apply(event)
        events.append(event)
