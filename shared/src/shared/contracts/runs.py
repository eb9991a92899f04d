"""Runs: what may be asked of them and everything that happens to them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shared.contracts.base import ComponentName, Contract, Count, Id, Json, Name, SpanId, Text, TraceId, Utc

MOST_COMMAND_BYTES = 1_000_000
"""Largest start or retry, whoever asks: its inputs go on in an event that must fit in a message too."""


class StartRun(Contract):
    """Start a workflow. A producer outside Flowtower needs ``command`` and ``workflow`` only."""

    command: Literal["start"] = "start"
    workflow: Name
    version: Count | Literal["latest"] = "latest"
    inputs: dict[str, Json] = {}
    run_id: Id | None = Field(
        default=None,
        description=(
            "Names the run; a second start with the same id changes nothing."
            " None = the event's id, or one made of it and its source when an event of another source has taken that."
        ),
    )
    requested_by: str = Field(default="", max_length=200)
    priority: int | None = Field(default=None, ge=0, le=9, description="None = the workflow's.")
    trigger: str = Field(default="", max_length=160, description="<kind>:<name> of the trigger; believed of Flowtower's own services only.")


class CancelRun(Contract):
    command: Literal["cancel"] = "cancel"
    run_id: Id
    reason: Text = ""
    requested_by: str = Field(default="", max_length=200)


class PauseRun(Contract):
    """Start nothing more in a run. What is under way ends; what waits goes on waiting."""

    command: Literal["pause"] = "pause"
    run_id: Id
    reason: Text = ""
    requested_by: str = Field(default="", max_length=200)


class ResumeRun(Contract):
    command: Literal["resume"] = "resume"
    run_id: Id
    reason: Text = ""
    requested_by: str = Field(default="", max_length=200)


class RetryRun(Contract):
    """Run components again. The outcomes of all others stay as they are, byte for byte."""

    command: Literal["retry"] = "retry"
    run_id: Id
    components: tuple[ComponentName, ...] = Field(default=(), max_length=500, description="May be empty with the scope failed only.")
    scope: Literal["only", "following", "slice", "failed"] = Field(
        default="only",
        description=(
            "only: these, and what could not run because of them. following: these and everything behind them."
            " slice: everything on a way from these to until. failed: all that failed or was parked, and what could not run because of it."
        ),
    )
    until: ComponentName | None = Field(default=None, description="End of the slice.")
    version: Count | None = Field(default=None, description="Version of the workflow for what runs again; None = the run's own.")
    inputs: dict[str, Json] | None = Field(default=None, description="Edited inputs for what runs again; None = as they are.")
    expected_seq: Count | None = Field(
        default=None,
        description="Refuse when the run has gone on since this event: two people who retry at once don't retry twice.",
    )
    requested_by: str = Field(default="", max_length=200)


class RetryNow(Contract):
    """Do not wait for the next attempt that is already planned."""

    command: Literal["retry_now"] = "retry_now"
    run_id: Id
    component: ComponentName
    requested_by: str = Field(default="", max_length=200)


RunCommand = Annotated[StartRun | CancelRun | PauseRun | ResumeRun | RetryRun | RetryNow, Field(discriminator="command")]
"""``runs.commands.v1``."""


class RunStatus(StrEnum):
    QUEUED = "queued"  # waits for its turn, see QueuedFor
    RUNNING = "running"
    WAITING = "waiting"  # nothing moves until a planned attempt
    PAUSED = "paused"  # somebody asked that nothing more starts
    PARKED = "parked"  # nothing moves until a person retries a parked component, or cancels
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


QueuedFor = Literal["workflow", "executor", "endpoint"]
"""What a queued run waits for: its workflow's limit, room in the executor, or an endpoint that many runs of its workflow wait for."""


class ComponentStatus(StrEnum):
    PENDING = "pending"  # waits for what comes before it
    RUNNING = "running"
    RETRYING = "retrying"  # waits for its next attempt
    PARKED = "parked"  # waits for a person
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"  # no connection with a true condition leads to it
    CANCELLED = "cancelled"


class Failure(Contract):
    """Why an attempt did not succeed."""

    code: str = Field(max_length=100, description="Stable word for programs, e.g. QueueNotFound, ConnectionRefused, HttpStatus:503.")
    message: Text = Field(description="A sentence for people: what happened and the way out.")
    retryable: bool
    answer: Text = Field(default="", description="What the other side said, bounded, secrets masked.")


class Transfer(Contract):
    """How much an attempt has moved so far; counts are of the component's generation, so a retry goes on from them."""

    read: int = 0
    confirmed: int = 0
    total: int | None = Field(default=None, description="How many there are to move, when that is known.")
    bytes: int = 0
    duplicates_possible: int = Field(default=0, description="Sent again because their first sending may have been lost unconfirmed.")
    per_second: float | None = None


class _RunEvent(Contract):
    run_id: Id
    workflow_id: Id
    seq: int = Field(ge=1, description="Number of the event within its run, without gaps.")
    at: Utc
    left_out: Text = Field(default="", description="What is missing here because the event is too large for a message, and where it is.")


class RunStarted(_RunEvent):
    event: Literal["run.started"] = "run.started"
    workflow: Name
    version: int
    inputs: dict[str, Json] = {}
    requested_by: str = ""
    trigger: str = Field(default="api", max_length=160, description="api, event, or <kind>:<name> of a trigger.")
    business_key: str | None = Field(default=None, max_length=200, description="What the workflow's business_key said of the inputs.")
    priority: int = Field(default=5, ge=0, le=9)
    deadline_at: Utc | None = None
    queued: bool = Field(default=False, description="Whether it waits for its turn; run.released follows.")
    queued_for: QueuedFor | None = Field(default=None, description="What it waits for, if it is queued; None = not told.")
    trace_id: TraceId | None = None
    span_id: SpanId | None = None
    parent_span_id: SpanId | None = None


class RunReleased(_RunEvent):
    """A queued run has its turn."""

    event: Literal["run.released"] = "run.released"


class RunPaused(_RunEvent):
    event: Literal["run.paused"] = "run.paused"
    reason: Text = ""
    requested_by: str = ""


class RunResumed(_RunEvent):
    event: Literal["run.resumed"] = "run.resumed"
    reason: Text = ""
    requested_by: str = ""


class _ComponentEvent(_RunEvent):
    component: ComponentName
    generation: int = Field(default=1, ge=1, description="Raised each time the component is retried by a person.")
    attempt: int = Field(default=1, ge=1)


class AttemptStarted(_ComponentEvent):
    event: Literal["attempt.started"] = "attempt.started"
    host: str = Field(default="", max_length=200)
    requested_by: str = Field(default="", description="Who did not want to wait for it; empty = its time had come.")
    span_id: SpanId | None = None


class AttemptHeld(_ComponentEvent):
    """An attempt waits before it touches anything: its endpoint is at its limit, or its breaker is open."""

    event: Literal["attempt.held"] = "attempt.held"
    limit: Literal["concurrency", "breaker", "retry_budget"]
    reason: Text
    until: Utc | None = Field(default=None, description="When it is tried at the latest, if that is known.")
    over: bool = Field(default=False, description="The wait is over: the attempt goes on.")
    requested_by: str = Field(default="", description="Who asked that it passes the limit.")


class AttemptProgressed(_ComponentEvent):
    """Sent at most once a second and attempt."""

    event: Literal["attempt.progressed"] = "attempt.progressed"
    transfer: Transfer | None = Field(default=None, description="None = nothing is moved; the message says what the attempt waits for.")
    message: Text = ""


class AttemptFailed(_ComponentEvent):
    """An attempt failed: another one is planned, the component is parked, or ``component.finished`` follows."""

    event: Literal["attempt.failed"] = "attempt.failed"
    started_at: Utc
    failure: Failure
    attempts: int = Field(description="How many attempts the strategy allows.")
    next_attempt_at: Utc | None = None
    decision: Literal["retry", "park", "fail"] | None = None
    why: Text = Field(default="", description="Why it was decided so: the strategy, the error class, the deadline, the budget.")
    transfer: Transfer | None = None
    host: str = Field(default="", max_length=200)
    span_id: SpanId | None = None


class ComponentFinished(_ComponentEvent):
    """The outcome of a component in this generation."""

    event: Literal["component.finished"] = "component.finished"
    status: Literal["succeeded", "failed", "upstream_failed", "skipped", "cancelled"]
    started_at: Utc | None = None
    output: dict[str, Json] = {}
    transfer: Transfer | None = None
    failure: Failure | None = None
    idempotency_key: str = Field(default="", max_length=300, description="run:component:generation")
    host: str = Field(default="", max_length=200)
    span_id: SpanId | None = None
    message: Text = ""
    requested_by: str = Field(default="", description="Who cancelled it, when somebody did.")


class RunFinished(_RunEvent):
    event: Literal["run.finished"] = "run.finished"
    status: Literal["succeeded", "failed", "cancelled"]
    started_at: Utc
    message: Text = ""
    workflow: Name
    version: int = 1
    requested_by: str = Field(default="", description="Who cancelled it, when somebody did.")


class RunReopened(_RunEvent):
    """A person retries components of a run; their generation is raised and the run goes on."""

    event: Literal["run.reopened"] = "run.reopened"
    again: dict[ComponentName, int] = Field(description="Component → its new generation.")
    stays: tuple[ComponentName, ...] = ()
    requested_by: str = ""
    version: int | None = Field(default=None, description="Version of the workflow from here on; None = unchanged.")
    inputs: dict[str, Json] | None = Field(default=None, description="Inputs from here on; None = unchanged.")
    deadline_at: Utc | None = Field(default=None, description="The run's time limit, counted anew.")
    queued: bool = Field(default=False, description="Whether it waits for its turn; run.released follows.")
    queued_for: QueuedFor | None = Field(default=None, description="What it waits for, if it is queued; None = not told.")


class CommandRefused(_RunEvent):
    """A command could not be obeyed. For a refused start the run id is the one it would have had and ``seq`` is 1."""

    event: Literal["command.refused"] = "command.refused"
    command: str = Field(max_length=40)
    reason: Text
    requested_by: str = ""
    workflow: str = Field(default="", max_length=100)


class OtherRunEvent(_RunEvent):
    """An event of a kind that a newer executor added. It keeps its place in the run's order and means nothing more here."""

    model_config = ConfigDict(extra="allow")

    event: str = Field(max_length=100)


RunEvent = Annotated[
    RunStarted
    | RunReleased
    | RunPaused
    | RunResumed
    | AttemptStarted
    | AttemptHeld
    | AttemptProgressed
    | AttemptFailed
    | ComponentFinished
    | RunFinished
    | RunReopened
    | CommandRefused,
    Field(discriminator="event"),
]
"""``runs.outcomes.v1``: everything that happens to a run, in order (key = run id, ``seq`` without gaps)."""
