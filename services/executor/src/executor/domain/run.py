"""What may happen to a run: each method answers with the events that follow, already folded in, or refuses with a reason.

The caller makes the events durable before it acts on them: an ``attempt.started`` in the answer is an attempt to make.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from executor.domain import retry
from executor.domain.events import Event, stamp, without_none
from executor.domain.graph import Graph
from executor.domain.journal import EXECUTOR_LOST, EXECUTOR_STOPPED, TERMINAL, State

MOST_LOSSES = 5
"""How often an attempt may end with its executor before the component counts as the cause."""


class Refused(Exception):
    """The command cannot be obeyed; the text says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt did not succeed, see ``shared.contracts.runs.Failure``."""

    code: str
    message: str
    retryable: bool
    answer: str = ""
    after: float | None = None  # seconds that the other side asked us to wait

    def wire(self) -> dict[str, Any]:
        return {"code": self.code[:100], "message": self.message[:4000], "retryable": self.retryable, "answer": self.answer[:4000]}


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace that a run belongs to."""

    trace_id: str
    span_id: str
    parent_span_id: str | None = None


class Run:
    """One run: its graph, its state, and the rules that lead on from there."""

    __slots__ = ("_host", "_jitter", "_spans", "graph", "state")

    def __init__(self, graph: Graph, state: State, *, host: str, spans: Callable[[], str], jitter: retry.Jitter) -> None:
        self.graph = graph
        self.state = state
        self._host = host
        self._spans = spans
        self._jitter = jitter

    # ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, at: datetime, *, version: int, inputs: dict[str, Any], requested_by: str, trigger: str, trace: Trace) -> list[Event]:
        """Begin: everything that waits for nothing is tried at once."""
        now = stamp(at)
        events: list[Event] = []
        self._add(
            events,
            without_none(
                {
                    "event": "run.started",
                    "workflow": self.graph.definition.workflow,
                    "version": version,
                    "inputs": inputs,
                    "requested_by": requested_by,
                    "trigger": trigger,
                    "trace_id": trace.trace_id,
                    "span_id": trace.span_id,
                    "parent_span_id": trace.parent_span_id,
                }
            ),
            now,
        )
        for name in self.graph.roots:
            self._attempt(events, name, now)
        return events

    def cancel(self, at: datetime, *, reason: str, transfers: dict[str, dict[str, Any]]) -> list[Event]:
        """End everything that has not ended. Attempts under way were stopped before; ``transfers`` says how far they got."""
        if self.state.finished:
            raise Refused(f"The run has already ended ({self.state.status}); there is nothing to cancel.")
        now = stamp(at)
        events: list[Event] = []
        for name in self.graph.order:
            part = self.state.components[name]
            if part.status not in TERMINAL:
                self._finish(events, name, now, "cancelled", transfer=transfers.get(name) or part.transfer, message=reason or "Cancelled.")
        self._end(events, now, message=reason)
        return events

    def retry(self, at: datetime, names: Iterable[str], *, scope: str, requested_by: str) -> list[Event]:
        """Run components again under a new generation. What is not named, and not held up by them, keeps its outcome."""
        again = self._again(tuple(dict.fromkeys(names)), scope)
        now = stamp(at)
        events: list[Event] = []
        parts = self.state.components
        self._add(
            events,
            {
                "event": "run.reopened",
                "again": {name: parts[name].generation + 1 for name in self.graph.order if name in again},
                "stays": [name for name in self.graph.order if name not in again],
                "requested_by": requested_by,
            },
            now,
        )
        for name in self.graph.order:
            if name in again:
                self._advance(events, name, now)
        return events

    def retry_now(self, at: datetime, name: str) -> list[Event]:
        """Make the next attempt of a component without waiting for its time."""
        part = self.state.components.get(name)
        if part is None:
            raise Refused(f"The workflow has no component “{name}”.")
        if part.status != "retrying":
            raise Refused(f"“{name}” does not wait for a next attempt; it is {part.status}.")
        return self.wake(at, name)

    def refuse(self, at: datetime, command: str, reason: str, requested_by: str) -> list[Event]:
        """Say in the run's own journal that a command could not be obeyed."""
        events: list[Event] = []
        body = {"event": "command.refused", "command": command, "reason": reason[:4000], "requested_by": requested_by}
        self._add(events, body | {"workflow": self.graph.definition.workflow}, stamp(at))
        return events

    # ── what attempts lead to ───────────────────────────────────────────────────────────────────────────────────────

    def succeed(
        self, at: datetime, name: str, *, output: dict[str, Any], transfer: dict[str, Any] | None = None, message: str = ""
    ) -> list[Event]:
        """Record a component's success; what waited for nothing else is tried."""
        now = stamp(at)
        events: list[Event] = []
        self._finish(events, name, now, "succeeded", output=output, transfer=transfer, message=message)
        self._follow(events, name, now)
        return events

    def fail(self, at: datetime, name: str, failure: Failure, *, transfer: dict[str, Any] | None = None) -> list[Event]:
        """Record a failed attempt: another one is planned, or the component has failed and what depends on it cannot run."""
        now = stamp(at)
        events: list[Event] = []
        part = self.state.components[name]
        strategy = self.graph.components[name].retry
        if failure.code == EXECUTOR_LOST:
            wait = 0.0 if part.losses + 1 < MOST_LOSSES else None
        elif failure.code == EXECUTOR_STOPPED:
            wait = 0.0
        else:
            wait = retry.wait(strategy, part.failures + 1, self._jitter) if failure.retryable else None
        if wait is not None and failure.after is not None:
            wait = max(wait, failure.after)
        body = self._of_attempt("attempt.failed", name)
        body |= {"started_at": part.started_at, "failure": failure.wire(), "attempts": retry.attempts(strategy), "host": self._host}
        body |= {"next_attempt_at": None if wait is None else stamp(at + timedelta(seconds=wait)), "transfer": transfer}
        self._add(events, without_none(body), now)
        if wait is None:
            self._finish(events, name, now, "failed", transfer=transfer or part.transfer, failure=failure.wire())
            self._follow(events, name, now)
        return events

    def progress(self, at: datetime, name: str, transfer: dict[str, Any] | None, message: str = "") -> list[Event]:
        """Record how far an attempt has got, or what it waits for."""
        events: list[Event] = []
        body = self._of_attempt("attempt.progressed", name) | {"transfer": transfer, "message": message[:4000]}
        self._add(events, without_none(body), stamp(at))
        return events

    def wake(self, at: datetime, name: str) -> list[Event]:
        """Make the planned attempt of a component."""
        events: list[Event] = []
        if self.state.components[name].status == "retrying":
            self._attempt(events, name, stamp(at))
        return events

    def resume(self, at: datetime) -> list[Event]:
        """Go on after the executor that owned the run is gone: its attempts under way count as lost and are made again."""
        failure = Failure(
            EXECUTOR_LOST,
            "The executor stopped in the middle of this attempt. It is made again from its last checkpoint.",
            retryable=True,
        )
        events: list[Event] = []
        for name in self.graph.order:
            if self.state.components[name].status == "running":
                events += self.fail(at, name, failure)
                if self.state.components[name].status == "retrying":
                    events += self.wake(at, name)
        return events

    def idempotency_key(self, name: str) -> str:
        """Return the key that is the same on every attempt of a component's generation."""
        return f"{self.state.run_id}:{name}:{self.state.components[name].generation}"

    # ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _again(self, names: tuple[str, ...], scope: str) -> set[str]:
        parts = self.state.components
        for name in names:
            if name not in parts:
                raise Refused(f"The workflow has no component “{name}”. It has: {', '.join(parts)}.")
        again = set(names)
        behind = self.graph.following(names)
        if scope == "following":
            again |= behind
        else:
            for name in self.graph.order:
                held = parts[name].status in {"upstream_failed", "cancelled"}
                if name in behind and held and all(parts[up].status == "succeeded" or up in again for up in self.graph.upstream[name]):
                    again.add(name)
        for name in self.graph.order:
            if name in again:
                self._may_run_again(name, again)
        return again

    def _may_run_again(self, name: str, again: set[str]) -> None:
        parts = self.state.components
        if parts[name].status in {"running", "retrying"}:
            raise Refused(f"“{name}” is {parts[name].status}. Wait for its end, or cancel the run first.")
        if parts[name].status == "pending":
            raise Refused(f"“{name}” has not run yet; it waits for what comes before it.")
        for up in self.graph.upstream[name]:
            if up not in again and parts[up].status != "succeeded":
                raise Refused(f"“{name}” needs “{up}”, which is {parts[up].status}. Retry “{up}” instead, or both.")

    def _follow(self, events: list[Event], name: str, now: str) -> None:
        for target in self.graph.downstream[name]:
            self._advance(events, target, now)
        if not self.state.open:
            self._end(events, now)

    def _advance(self, events: list[Event], name: str, now: str) -> None:
        """Try a component if all that it depends on has succeeded; give it up if something cannot succeed any more."""
        parts = self.state.components
        if parts[name].status != "pending":
            return
        ready = True
        for up in self.graph.upstream[name]:
            status = parts[up].status
            if status != "succeeded":
                ready = False
                if status in TERMINAL:
                    self._finish(events, name, now, "upstream_failed", message=f"Not tried, because “{up}” is {status}.")
                    for target in self.graph.downstream[name]:
                        self._advance(events, target, now)
                    return
        if ready:
            self._attempt(events, name, now)

    def _attempt(self, events: list[Event], name: str, now: str) -> None:
        part = self.state.components[name]
        body = {"event": "attempt.started", "component": name, "generation": part.generation, "attempt": part.attempt + 1}
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
        body = self._of_attempt("component.finished", name)
        body["attempt"] = part.attempt or 1
        body |= {"status": status, "started_at": part.started_at, "output": output or {}, "transfer": transfer, "failure": failure}
        body |= {"idempotency_key": self.idempotency_key(name), "host": self._host, "message": message[:4000]}
        self._add(events, without_none(body), now)

    def _end(self, events: list[Event], now: str, message: str = "") -> None:
        statuses = {part.status for part in self.state.components.values()}
        if statuses & {"failed", "upstream_failed"} and "cancelled" not in statuses:
            status = "failed"
        elif "cancelled" in statuses:
            status = "cancelled"
        else:
            status = "succeeded"
        body = {"event": "run.finished", "status": status, "started_at": self.state.started_at, "message": message[:4000]}
        self._add(events, body | {"workflow": self.graph.definition.workflow, "version": self.state.version}, now)

    def _add(self, events: list[Event], body: Event, now: str) -> None:
        state = self.state
        event = {"run_id": state.run_id, "workflow_id": state.workflow_id, "seq": state.seq + 1, "at": now, **body}
        state.apply(event)
        events.append(event)
