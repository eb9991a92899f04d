"""Fold a run's events into its state.

The journal is the truth: a state is never stored, it is what the events say. Old journals must fold identically for
ever, so a change here only ever adds.
"""

from collections.abc import Iterable
from typing import Any

from executor.domain.events import Event

TERMINAL = frozenset({"succeeded", "failed", "upstream_failed", "cancelled"})
EXECUTOR_LOST = "ExecutorLost"
EXECUTOR_STOPPED = "ExecutorStopped"
"""Codes of attempts that ended because their executor did. They do not count against the retry strategy."""


class Progress:
    """Where one component of a run stands."""

    __slots__ = ("attempt", "due", "failures", "generation", "losses", "output", "span_id", "started_at", "status", "transfer")

    def __init__(self, generation: int = 1) -> None:
        self.status = "pending"
        self.generation = generation
        self.attempt = 0
        self.failures = 0
        self.losses = 0
        self.due: str | None = None
        self.started_at: str | None = None
        self.output: dict[str, Any] = {}
        self.transfer: dict[str, Any] | None = None
        self.span_id: str | None = None


class State:
    """Where a run stands."""

    __slots__ = (
        "components",
        "inputs",
        "open",
        "parent_span_id",
        "run_id",
        "seq",
        "span_id",
        "started_at",
        "status",
        "trace_id",
        "version",
        "workflow",
        "workflow_id",
    )

    def __init__(self, run_id: str, workflow_id: str, components: Iterable[str]) -> None:
        self.run_id = run_id
        self.workflow_id = workflow_id
        self.workflow = ""
        self.version = 1
        self.seq = 0
        self.status = "new"
        self.started_at = ""
        self.inputs: dict[str, Any] = {}
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.parent_span_id: str | None = None
        self.components = {name: Progress() for name in components}
        self.open = len(self.components)

    def apply(self, event: Event) -> None:
        """Take one event in. Events come in order and without gaps; anything else is a broken journal."""
        if event["seq"] != self.seq + 1:
            raise ValueError(f"Run {self.run_id}: event {event['seq']} follows {self.seq}.")
        self.seq += 1
        handler = _HANDLERS.get(event["event"])
        if handler is not None:
            handler(self, event)

    def _run_started(self, event: Event) -> None:
        self.status = "running"
        self.workflow = event["workflow"]
        self.version = event["version"]
        self.started_at = event["at"]
        self.inputs = event.get("inputs") or {}
        self.trace_id = event.get("trace_id")
        self.span_id = event.get("span_id")
        self.parent_span_id = event.get("parent_span_id")

    def _run_finished(self, event: Event) -> None:
        self.status = event["status"]

    def _run_reopened(self, event: Event) -> None:
        self.status = "running"
        for name, generation in event["again"].items():
            if self.components[name].status in TERMINAL:
                self.open += 1
            self.components[name] = Progress(generation)

    def _attempt_started(self, event: Event) -> None:
        part = self.components[event["component"]]
        part.status = "running"
        part.attempt = event["attempt"]
        part.started_at = event["at"]
        part.span_id = event.get("span_id")
        part.due = None

    def _attempt_progressed(self, event: Event) -> None:
        part = self.components[event["component"]]
        part.transfer = event.get("transfer") or part.transfer

    def _component_finished(self, event: Event) -> None:
        part = self.components[event["component"]]
        part.status = event["status"]
        part.output = event.get("output") or {}
        part.transfer = event.get("transfer")
        part.due = None
        self.open -= 1

    def _attempt_failed(self, event: Event) -> None:
        part = self.components[event["component"]]
        code = event["failure"]["code"]
        if code == EXECUTOR_LOST:
            part.losses += 1
        elif code != EXECUTOR_STOPPED:
            part.failures += 1
        part.transfer = event.get("transfer") or part.transfer
        part.due = event.get("next_attempt_at")
        # Without a next attempt the component's outcome follows in the same entry.
        part.status = "retrying" if part.due else "running"

    @property
    def finished(self) -> bool:
        """Whether the run has ended, until somebody retries a part of it."""
        return self.status in TERMINAL

    @property
    def waiting(self) -> bool:
        """Whether nothing moves until a planned attempt."""
        statuses = {part.status for part in self.components.values()}
        return "retrying" in statuses and "running" not in statuses


_HANDLERS = {
    "run.started": State._run_started,  # noqa: SLF001 - the table belongs to the class
    "run.finished": State._run_finished,  # noqa: SLF001
    "run.reopened": State._run_reopened,  # noqa: SLF001
    "attempt.started": State._attempt_started,  # noqa: SLF001
    "attempt.progressed": State._attempt_progressed,  # noqa: SLF001
    "attempt.failed": State._attempt_failed,  # noqa: SLF001
    "component.finished": State._component_finished,  # noqa: SLF001
}
"""What each event changes. An event that is not here (a refused command) only counts."""


def fold(run_id: str, workflow_id: str, components: Iterable[str], events: Iterable[Event]) -> State:
    """Return the state that the events lead to."""
    state = State(run_id, workflow_id, components)
    for event in events:
        state.apply(event)
    return state
