"""What may happen to a run: each method answers with the events that follow, already folded in, or refuses with a reason.

The caller makes the events durable before it acts on them: an ``attempt.started`` in the answer is an attempt to make.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from executor.domain import retry
from executor.domain.again import may_change, to_run_again
from executor.domain.events import Event, stamp, without_none
from executor.domain.failing import Failure, decide
from executor.domain.flow import Flow
from executor.domain.graph import Graph
from executor.domain.journal import EXECUTOR_LOST, WITHDRAWN, State
from executor.domain.record import Trace
from executor.domain.rules import Refused
from shared.contracts.runs import QueuedFor

__all__ = ["Change", "Failure", "Refused", "Run", "Trace"]


@dataclass(frozen=True, slots=True)
class Change:
    """What a retry changes for what runs again: another version with its graph, other inputs."""

    version: int | None = None
    graph: Graph | None = None
    inputs: dict[str, Any] | None = None


class Run(Flow):
    """One run: its graph, its state, and what may happen to it."""

    __slots__ = ("_jitter",)

    def __init__(self, graph: Graph, state: State, *, host: str, spans: Callable[[], str], jitter: retry.Jitter) -> None:
        super().__init__(graph, state, host=host, spans=spans)
        self._jitter = jitter

    # ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(
        self,
        at: datetime,
        *,
        version: int,
        inputs: dict[str, Any],
        requested_by: str,
        trigger: str,
        trace: Trace,
        business_key: str | None = None,
        priority: int | None = None,
        queued: QueuedFor | None = None,
    ) -> list[Event]:
        """Begin: everything that waits for nothing is tried at once, if the run need not wait for its turn (``queued``: for what it does).

        ``priority`` None = the workflow's.
        """
        definition, now = self.graph.definition, stamp(at)
        events: list[Event] = []
        body: Event = {
            "event": "run.started",
            "workflow": definition.workflow,
            "version": version,
            "inputs": inputs,
            "requested_by": requested_by,
            "trigger": trigger,
            "business_key": business_key,
            "priority": definition.priority if priority is None else priority,
            "deadline_at": None if definition.timeout is None else stamp(at + timedelta(seconds=definition.timeout)),
            "queued": True if queued else None,
            "queued_for": queued,
            "trace_id": trace.trace_id,
            "span_id": trace.span_id,
            "parent_span_id": trace.parent_span_id,
        }
        self._add(events, without_none(body), now)
        if not queued:
            for name in self.graph.roots:
                self._attempt(events, name, now)
        return events

    def release(self, at: datetime) -> list[Event]:
        """Let a queued run go on: its turn has come."""
        events: list[Event] = []
        if self.state.queued:
            now = stamp(at)
            self._add(events, {"event": "run.released"}, now)
            self._settle(events, self.graph.order, now)
            self._close(events, now)
        return events

    def cancel(self, at: datetime, *, reason: str, transfers: dict[str, dict[str, Any]], requested_by: str = "") -> list[Event]:
        """End everything that has not ended, then undo what was done, where that is declared.

        Attempts under way were stopped before; ``transfers`` says how far they got. A second cancel ends the compensations too.
        """
        if self.state.finished:
            raise Refused(f"The run has already ended ({self.state.status}); there is nothing to cancel.")
        now = stamp(at)
        events: list[Event] = []
        if self.state.paused:
            self._add(events, {"event": "run.resumed", "reason": "It is cancelled.", "requested_by": requested_by}, now)
        again = self.compensating
        if self.state.queued and self.undoing:
            # What undoes waits for nobody's turn; a run that ends at once needs none.
            self._add(events, {"event": "run.released"}, now)
        self._stop(events, now, transfers, reason or "Cancelled.", requested_by)
        if again or not self._undo(events, now):
            self._cancelled(events, now, reason)
        return events

    def expire(self, at: datetime, *, transfers: dict[str, dict[str, Any]]) -> list[Event]:
        """End a run whose time limit is over; attempts under way were stopped before."""
        events: list[Event] = []
        if self.expires:
            now = stamp(at)
            limit = self.graph.definition.timeout
            told = "its time limit" if limit is None else f"the {limit:g} s of its timeout:"
            message = f"The run was not done within {told}. Raise the limit, or look what took so long; then retry what failed."
            self._stop(events, now, transfers, message)
            self._end(events, now, "failed", message)
        return events

    def pause(self, at: datetime, *, reason: str, requested_by: str) -> list[Event]:
        """Start nothing more: what is under way ends, what waits goes on waiting."""
        if self.state.finished:
            raise Refused(f"The run has already ended ({self.state.status}); there is nothing to pause.")
        if self.state.paused:
            raise Refused("The run is paused already. Resume it, or cancel it.")
        if self.compensating:
            raise Refused("The run is being cancelled, and its compensations are not paused. A second cancel stops them.")
        events: list[Event] = []
        self._add(events, {"event": "run.paused", "reason": reason, "requested_by": requested_by}, stamp(at))
        return events

    def proceed(self, at: datetime, *, reason: str, requested_by: str) -> list[Event]:
        """Go on after a pause: what became ready or due in the meantime starts now."""
        if not self.state.paused:
            raise Refused(f"The run is not paused; it is {self.state.standing}.")
        events: list[Event] = []
        now = stamp(at)
        self._add(events, {"event": "run.resumed", "reason": reason, "requested_by": requested_by}, now)
        for name in self.graph.order:
            part = self.state.components[name]
            if part.status == "retrying" and part.due is not None and datetime.fromisoformat(part.due) <= at and self.state.may_start:
                self._attempt(events, name, now)
        self._settle(events, self.graph.order, now)
        return events

    def retry(
        self,
        at: datetime,
        names: Iterable[str],
        *,
        scope: str,
        requested_by: str,
        until: str | None = None,
        expected_seq: int | None = None,
        change: Change | None = None,
        queued: QueuedFor | None = None,
    ) -> list[Event]:
        """Run components again under a new generation. What is not named, and not held up by them, keeps its outcome.

        ``queued``: what it has to wait for; it goes on when it is released. One that is queued already goes on waiting for what it did.
        """
        state, change = self.state, change or Change()
        if expected_seq is not None and expected_seq != state.seq:
            raise Refused(f"The run has gone on since you looked (event {expected_seq}, now {state.seq}). Look again, then decide.")
        graph = change.graph or self.graph
        if change.version is not None:
            may_change(graph, state, change.version)
        again = to_run_again(graph, state, tuple(dict.fromkeys(names)), scope=scope, until=until)
        now, parts = stamp(at), state.components
        members = (*graph.order, *(name for name in graph.undoes if name in parts))
        limit = None if self.compensating else graph.definition.timeout
        waits = queued is not None or (state.queued and not self.compensating)
        body: Event = {
            "event": "run.reopened",
            "again": {name: state.generation_after(name) for name in members if name in again},
            "stays": [name for name in members if name not in again],
            "requested_by": requested_by,
            "version": change.version,
            "inputs": change.inputs,
            "deadline_at": None if limit is None else stamp(at + timedelta(seconds=limit)),
            "queued": True if waits else None,
            "queued_for": queued or (state.queued_for if waits else None),
        }
        events: list[Event] = []
        self.graph = graph
        self._answers.clear()
        self._add(events, without_none(body), now)
        if self.compensating:
            self._undo(events, now)
        else:
            self._settle(events, graph.order, now)
            self._close(events, now)
        return events

    def retry_now(self, at: datetime, name: str, requested_by: str = "") -> list[Event]:
        """Make the next attempt of a component without waiting for its time."""
        part = self.state.components.get(name)
        if part is None:
            raise Refused(f"The workflow has no component “{name}”.")
        if part.status == "parked":
            raise Refused(f"“{name}” is parked, so no attempt is planned. Retry it instead.")
        if part.status != "retrying":
            raise Refused(f"“{name}” does not wait for a next attempt; it is {part.status}.")
        if not self.state.may_start:
            raise Refused(f"The run is {self.state.standing}, so nothing starts. Resume it first.")
        return self.wake(at, name, requested_by)

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
        """Record a failed attempt: another is planned, a person is waited for, or it has failed and what depends on it cannot run."""
        now = stamp(at)
        events: list[Event] = []
        part, component = self.state.components[name], self.graph.components[name]
        decision = decide(component, part, failure, at, self._jitter, self.graph.rules.waits.get(name))
        due = None if decision.wait is None else stamp(at + timedelta(seconds=decision.wait))
        body = self._of_attempt("attempt.failed", name)
        body |= {"started_at": part.started_at, "failure": failure.wire(), "attempts": retry.attempts(component.retry), "host": self._host}
        body |= {"next_attempt_at": due, "decision": decision.kind, "why": decision.why, "transfer": transfer}
        self._add(events, without_none(body), now)
        if decision.kind == "fail":
            self._finish(events, name, now, "failed", transfer=transfer or part.transfer, failure=failure.wire())
            self._follow(events, name, now)
        return events

    def hold(
        self, at: datetime, name: str, *, limit: str, reason: str, until: datetime | None, over: bool, requested_by: str = ""
    ) -> list[Event]:
        """Record that an attempt waits at its endpoint's gate, or, with ``over``, that it goes on."""
        events: list[Event] = []
        body = self._of_attempt("attempt.held", name) | {"limit": limit, "reason": reason[:4000], "over": over or None}
        body["requested_by"] = requested_by or None
        self._add(events, without_none(body | {"until": None if until is None or over else stamp(until)}), stamp(at))
        return events

    def withdraw(self, at: datetime, name: str, why: str) -> list[Event]:
        """Plan the attempt of a component anew that only waited at its endpoint's gate."""
        return self.fail(at, name, Failure(WITHDRAWN, why, retryable=True))

    def progress(self, at: datetime, name: str, transfer: dict[str, Any] | None, message: str = "") -> list[Event]:
        """Record how far an attempt has got, or what it waits for."""
        events: list[Event] = []
        body = self._of_attempt("attempt.progressed", name) | {"transfer": transfer, "message": message[:4000]}
        self._add(events, without_none(body), stamp(at))
        return events

    def wake(self, at: datetime, name: str, requested_by: str = "") -> list[Event]:
        """Make the planned attempt of a component: its time has come, or somebody asked for it."""
        events: list[Event] = []
        if self.state.components[name].status == "retrying" and self.state.may_start:
            self._attempt(events, name, stamp(at), requested_by)
        return events

    def resume(self, at: datetime) -> list[Event]:
        """Go on after the executor that owned the run is gone: its attempts under way count as lost and are made again."""
        text = "The executor stopped in the middle of this attempt. It is made again from its last checkpoint."
        failure = Failure(EXECUTOR_LOST, text, retryable=True)
        events: list[Event] = []
        for name, part in list(self.state.components.items()):
            if part.status == "running":
                if part.held is None:
                    events += self.fail(at, name, failure)
                else:
                    events += self.withdraw(at, name, "The executor stopped while this attempt waited for its turn.")
                if part.status == "retrying":
                    events += self.wake(at, name)
        return events
