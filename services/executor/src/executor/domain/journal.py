"""Fold a run's events into its state.

The journal is the truth: a state is never stored, it is what the events say. Old journals must fold identically for
ever, so a change here only ever adds.
"""

from collections.abc import Iterable
from typing import Any

from executor.domain.events import Event
from shared.contracts.runs import QueuedFor

TERMINAL = frozenset({"succeeded", "failed", "upstream_failed", "skipped", "cancelled"})
EXECUTOR_LOST = "ExecutorLost"
EXECUTOR_STOPPED = "ExecutorStopped"
"""Codes of attempts that ended because their executor did. They do not count against the retry strategy."""
WITHDRAWN = "Withdrawn"
"""Code of an attempt that only waited at its endpoint's gate and was taken away from it. It counts for nothing."""


class Progress:
    """Where one component of a run stands."""

    __slots__ = (
        "attempt",
        "began",
        "due",
        "ended",
        "failures",
        "generation",
        "held",
        "losses",
        "output",
        "since",
        "span_id",
        "started_at",
        "status",
        "transfer",
    )

    def __init__(self, generation: int = 1) -> None:
        self.status = "pending"
        self.generation = generation
        self.attempt = 0
        self.failures = 0
        self.losses = 0
        self.due: str | None = None
        self.held: str | None = None  # the limit that its attempt waits for
        self.began: str | None = None  # when the generation's first attempt started
        self.since = 0  # the event that started it
        self.ended = 0  # the event that is its outcome
        self.started_at: str | None = None
        self.output: dict[str, Any] = {}
        self.transfer: dict[str, Any] | None = None
        self.span_id: str | None = None


class State:
    """Where a run stands. ``components`` are those of its version, and its compensations once they have begun."""

    __slots__ = (
        "business_key",
        "cancelled_by",
        "components",
        "deadline_at",
        "inputs",
        "open",
        "parent_span_id",
        "past",
        "paused",
        "priority",
        "queued",
        "queued_for",
        "reason",
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
        self.business_key: str | None = None
        self.priority = 5
        self.deadline_at: str | None = None
        self.queued = False
        self.queued_for: QueuedFor | None = None
        self.paused = False
        self.reason = ""  # why it was cancelled last
        self.cancelled_by = ""  # and by whom
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.parent_span_id: str | None = None
        self.components = {name: Progress() for name in components}
        self.past: dict[str, int] = {}  # generations that components had which the version does not have any more
        self.open = len(self.components)

    def generation_after(self, name: str) -> int:
        """Return the generation under which a component runs the next time a person asks for it: one that it never had."""
        part = self.components.get(name)
        return 1 + (self.past.get(name, 0) if part is None else part.generation)

    def apply(self, event: Event) -> None:
        """Take one event in. Events come in order and without gaps; anything else is a broken journal."""
        if event["seq"] != self.seq + 1:
            raise ValueError(f"Run {self.run_id}: event {event['seq']} follows {self.seq}.")
        self.seq += 1
        handler = _HANDLERS.get(event["event"])
        if handler is not None:
            handler(self, event)

    def _part(self, event: Event) -> Progress:
        """Return the component of an event; one that the version does not list is a compensation, or of an earlier version."""
        name = event["component"]
        part = self.components.get(name)
        if part is None:
            part = self.components[name] = Progress(event["generation"])
            self.open += 1
        return part

    def _run_started(self, event: Event) -> None:
        self.status = "running"
        self.workflow = event["workflow"]
        self.version = event["version"]
        self.started_at = event["at"]
        self.inputs = event.get("inputs") or {}
        self.business_key = event.get("business_key")
        self.priority = event.get("priority", 5)
        self.deadline_at = event.get("deadline_at")
        self.queued = event.get("queued", False)
        self.queued_for = event.get("queued_for")
        self.trace_id = event.get("trace_id")
        self.span_id = event.get("span_id")
        self.parent_span_id = event.get("parent_span_id")

    def _run_released(self, _event: Event) -> None:
        self.queued, self.queued_for = False, None

    def _run_paused(self, _event: Event) -> None:
        self.paused = True

    def _run_resumed(self, _event: Event) -> None:
        self.paused = False

    def _run_finished(self, event: Event) -> None:
        self.status = event["status"]
        self.paused = self.queued = False
        self.queued_for = None

    def _run_reopened(self, event: Event) -> None:
        self.status = "running"
        self.queued = event.get("queued", False)
        self.queued_for = event.get("queued_for")
        self.deadline_at = event.get("deadline_at")
        if event.get("inputs") is not None:
            self.inputs = event["inputs"]
        if event.get("version") is not None:
            # From here on the run has the components of another version: those that stay, and those that run again.
            self.version = event["version"]
            gone = ((name, part) for name, part in self.components.items() if name not in event["stays"])
            self.past |= {name: part.generation for name, part in gone if part.generation > 1 or part.status != "pending"}
            self.components = {name: self.components.get(name) or Progress() for name in event["stays"]}
            self.open = sum(part.status not in TERMINAL for part in self.components.values())
        for name, generation in event["again"].items():
            part = self.components.get(name)
            if part is None or part.status in TERMINAL:
                self.open += 1
            self.components[name] = Progress(generation)

    def _attempt_started(self, event: Event) -> None:
        part = self._part(event)
        part.status = "running"
        part.attempt = event["attempt"]
        part.started_at = event["at"]
        part.span_id = event.get("span_id")
        part.due = None
        if part.began is None:
            part.began = event["at"]
            part.since = self.seq

    def _attempt_held(self, event: Event) -> None:
        self._part(event).held = None if event.get("over") else event["limit"]

    def _attempt_progressed(self, event: Event) -> None:
        part = self._part(event)
        part.transfer = event.get("transfer") or part.transfer
        part.held = None

    def _component_finished(self, event: Event) -> None:
        part = self._part(event)
        part.status = event["status"]
        part.output = event.get("output") or {}
        part.transfer = event.get("transfer")
        part.due = part.held = None
        part.ended = self.seq
        self.open -= 1
        if part.status == "cancelled":
            self.reason = event.get("message") or ""
            self.cancelled_by = event.get("requested_by") or ""

    def _attempt_failed(self, event: Event) -> None:
        part = self._part(event)
        code = event["failure"]["code"]
        if code == EXECUTOR_LOST:
            part.losses += 1
        elif code not in {EXECUTOR_STOPPED, WITHDRAWN}:
            part.failures += 1
        part.transfer = event.get("transfer") or part.transfer
        part.due = event.get("next_attempt_at")
        part.held = None
        if event.get("decision") == "park":
            part.status = "parked"
        else:
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

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: the run has ended, or waits for a time, a turn or a person."""
        return all(part.status != "running" for part in self.components.values())

    @property
    def may_start(self) -> bool:
        """Whether components that are ready may start."""
        return not (self.paused or self.queued)

    @property
    def standing(self) -> str:
        """Return the run's status as people read it, one of ``shared.contracts.runs.RunStatus``."""
        if self.finished:
            return self.status
        if self.queued or self.paused:
            return "queued" if self.queued else "paused"
        statuses = {part.status for part in self.components.values()}
        for status, means in (("running", "running"), ("retrying", "waiting"), ("parked", "parked")):
            if status in statuses:
                return means
        return "running"


_HANDLERS = {
    "run.started": State._run_started,  # noqa: SLF001 - the table belongs to the class
    "run.released": State._run_released,  # noqa: SLF001
    "run.paused": State._run_paused,  # noqa: SLF001
    "run.resumed": State._run_resumed,  # noqa: SLF001
    "run.finished": State._run_finished,  # noqa: SLF001
    "run.reopened": State._run_reopened,  # noqa: SLF001
    "attempt.started": State._attempt_started,  # noqa: SLF001
    "attempt.held": State._attempt_held,  # noqa: SLF001
    "attempt.progressed": State._attempt_progressed,  # noqa: SLF001
    "attempt.failed": State._attempt_failed,  # noqa: SLF001
    "component.finished": State._component_finished,  # noqa: SLF001
}
"""What each event changes. An event that is not here (a refused command) only counts."""


def fold(run_id: str, workflow_id: str, components: Iterable[str], events: Iterable[Event]) -> State:
    """Return the state that the events lead to. ``components`` are those of the run's version."""
    state = State(run_id, workflow_id, components)
    for event in events:
        state.apply(event)
    return state
