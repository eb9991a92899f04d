"""How a run goes on by itself: what becomes ready starts, what can't run any more is given up, and the last one ends the run."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from executor.domain.events import Event
from executor.domain.failing import CONDITION_FAILED, Failure, deadline_of
from executor.domain.graph import Graph
from executor.domain.joins import Answers, NoCondition, Standing, carries_on, standing
from executor.domain.journal import TERMINAL, State
from executor.domain.record import Record
from shared.contracts.workflows import Connection

_WELL = frozenset({"succeeded", "skipped"})
_ALL_SUCCEEDED = {"succeeded"}


class Flow(Record):
    """One run's way through its graph, see ``joins`` for what a component waits for.

    A run has succeeded when each leaf of its graph has succeeded or was skipped. Compensations are no part of a run until a cancel
    begins them: then they run one after the other, the last thing done undone first, and the run ends when none is left.
    """

    __slots__ = ("_answers",)

    def __init__(self, graph: Graph, state: State, *, host: str, spans: Callable[[], str]) -> None:
        super().__init__(graph, state, host=host, spans=spans)
        self._answers: Answers = {}

    # ── what an attempt needs to know ───────────────────────────────────────────────────────────────────────────────

    def sources(self, name: str) -> Sequence[Connection]:
        """Return the connections through which a component that runs is fed; for a compensation, one to what it undoes.

        A component that does not wait for all is fed by those that let it start, on each of its attempts the same ones.
        """
        graph, parts = self.graph, self.state.components
        if name in graph.undoes:
            return (Connection(source=graph.undoes[name], target=name, kind="compensates"),)
        edges = graph.incoming[name]
        if graph.needed[name] == len(edges):
            return edges
        true = [edge for edge in edges if parts[edge.source].status == "succeeded" and self._carries(edge)]
        early = [edge for edge in true if parts[edge.source].ended < parts[name].since]
        return tuple(early or true)

    def time_left(self, at: datetime, name: str) -> float | None:
        """Return the seconds that the component's deadline leaves for all of its attempts; None = no limit."""
        ends = deadline_of(self.graph.components[name], self.state.components[name])
        return None if ends is None else (ends - at).total_seconds()

    @property
    def expires(self) -> bool:
        """Whether the run's time limit means anything: not once it has ended or is being undone."""
        return self.state.deadline_at is not None and not self.state.finished and not self.compensating

    @property
    def compensating(self) -> bool:
        """Whether the run's compensations have begun."""
        return bool(self.graph.undoes) and any(name in self.state.components for name in self.graph.undoes)

    @property
    def undoing(self) -> bool:
        """Whether a cancel now would have something to undo, or has had."""
        parts = self.state.components
        return any(name in parts or parts[done].status == "succeeded" for name, done in self.graph.undoes.items())

    # ── onward ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, events: list[Event], name: str, now: str) -> None:
        """Go on after a component's outcome."""
        if name in self.graph.undoes:
            if not self._undo(events, now):
                self._cancelled(events, now, self.state.reason)
            return
        targets = self.graph.downstream[name]
        if targets:
            self._settle(events, targets, now)
        self._close(events, now)

    def _settle(self, events: list[Event], names: Iterable[str], now: str) -> None:
        """Look at components whose connections may have changed, and at what depends on those that end by it."""
        front = list(names)
        for name in front:
            if self.state.components[name].status == "pending" and self._advance(events, name, now):
                front.extend(self.graph.downstream[name])

    def _advance(self, events: list[Event], name: str, now: str) -> bool:
        """Start a pending component that is ready, or give it up if it can't be any more; return whether it has ended."""
        if name in self.graph.plain:
            found, why = self._plainly(name)
        else:
            try:
                found, why = standing(self.graph, self.state, name, self._answers)
            except NoCondition as error:
                failure = Failure(CONDITION_FAILED, str(error), retryable=False)
                self._finish(events, name, now, "failed", failure=failure.wire(), message=str(error))
                return True
        if found is Standing.STARTS:
            if self.state.may_start:
                self._attempt(events, name, now)
            return False
        if found is Standing.WAITS:
            return False
        self._finish(events, name, now, found.value, message=why)
        return True

    def _plainly(self, name: str) -> tuple[Standing, str]:
        """Return the same as ``standing`` for a component that waits for all and has no conditions, sooner."""
        parts = self.state.components
        for up in self.graph.upstream[name]:
            if parts[up].status != "succeeded":
                return standing(self.graph, self.state, name, self._answers)
        return Standing.STARTS, ""

    def _carries(self, edge: Connection) -> bool:
        try:
            return carries_on(self.graph, self.state, edge, self._answers)
        except NoCondition:
            return False

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _close(self, events: list[Event], now: str) -> None:
        """End the run when nothing of it is open."""
        if self.state.open:
            return
        parts = self.state.components
        statuses = {part.status for part in parts.values()}
        if statuses == _ALL_SUCCEEDED:
            status = "succeeded"
        elif "cancelled" in statuses:
            status = "cancelled"
        else:
            status = "succeeded" if all(parts[name].status in _WELL for name in self.graph.leaves) else "failed"
        self._end(events, now, status)

    def _stop(self, events: list[Event], now: str, transfers: dict[str, dict[str, Any]], message: str, requested_by: str = "") -> None:
        """Record that everything that has not ended was cancelled."""
        for name in (*self.graph.order, *self.graph.undoes):
            part = self.state.components.get(name)
            if part is not None and part.status not in TERMINAL:
                transfer = transfers.get(name) or part.transfer
                self._finish(events, name, now, "cancelled", transfer=transfer, message=message, requested_by=requested_by)

    def _undo(self, events: list[Event], now: str) -> bool:
        """Start the next compensation; return whether one is left to wait for."""
        parts = self.state.components
        for name, done in self.graph.undoes.items():
            part = parts.get(name)
            if part is not None and part.status not in TERMINAL and part.status != "pending":
                return True
            if parts[done].status == "succeeded" and (part is None or part.status == "pending"):
                self._attempt(events, name, now)
                return True
        return False

    def _cancelled(self, events: list[Event], now: str, reason: str) -> None:
        """End a cancelled run; say which compensations did not do their work."""
        parts = self.state.components
        left = []
        for name, done in self.graph.undoes.items():
            status = parts[name].status if name in parts else "not tried"
            if parts[done].status == "succeeded" and status != "succeeded":
                left.append(f"“{name}” (for “{done}”) is {status}")
        text = f"{(reason or 'Cancelled').rstrip('.')}. Not everything was undone: {'; '.join(left)}." if left else reason
        self._end(events, now, "cancelled", text)
