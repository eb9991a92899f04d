"""The events of one run as they are made: each is folded into the state at once, so the next rule sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from executor.domain.events import Event
from executor.domain.graph import Graph
from executor.domain.journal import State


@dataclass(slots=True)
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

    def _attempt(self, events: list[Event], name: str, now: str, requested_by: str = "") -> None:
        event = self._next("attempt.started", now)
        part = self.state.components.get(name)
        event["component"] = name
        event["generation"], event["attempt"] = (1, 1) if part is None else (part.generation, part.attempt + 1)
        event["host"] = self._host
        event["span_id"] = self._spans()
        if requested_by:
            event["requested_by"] = requested_by
        self._take(events, event)

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
        requested_by: str = "",
    ) -> None:
        part = self.state.components[name]
        event = self._next("component.finished", now)
        event["component"] = name
        event["generation"] = part.generation
        event["attempt"] = part.attempt or 1
        if part.span_id is not None:
            event["span_id"] = part.span_id
        event["status"] = status
        if part.started_at is not None:
            event["started_at"] = part.started_at
        event["output"] = output or {}
        if transfer is not None:
            event["transfer"] = transfer
        if failure is not None:
            event["failure"] = failure
        event["idempotency_key"] = self.idempotency_key(name)
        event["host"] = self._host
        event["message"] = message[:4000]
        if requested_by:
            event["requested_by"] = requested_by
        self._take(events, event)

    def _end(self, events: list[Event], now: str, status: str, message: str = "") -> None:
        state = self.state
        event = self._next("run.finished", now)
        event["status"] = status
        event["started_at"] = state.started_at
        event["message"] = message[:4000]
        event["workflow"] = self.graph.definition.workflow
        event["version"] = state.version
        if status == "cancelled" and state.cancelled_by:
            event["requested_by"] = state.cancelled_by
        self._take(events, event)

    def _next(self, kind: str, now: str) -> Event:
        """Return the run's next event, to be filled in place: the same dict is journalled, and each copy of it would cost."""
        state = self.state
        return {"run_id": state.run_id, "workflow_id": state.workflow_id, "seq": state.seq + 1, "at": now, "event": kind}

    def _take(self, events: list[Event], event: Event) -> None:
        self.state.apply(event)
        events.append(event)

    def _add(self, events: list[Event], body: Event, now: str) -> None:
        state = self.state
        self._take(events, {"run_id": state.run_id, "workflow_id": state.workflow_id, "seq": state.seq + 1, "at": now, **body})
