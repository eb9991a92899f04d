"""Runs: what may be asked of them and everything that happens to them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import ComponentName, Contract, Id, Json, Name, SpanId, Text, TraceId, Utc


class StartRun(Contract):
    """Start a workflow. A producer outside Flowtower needs ``command`` and ``workflow`` only."""

    command: Literal["start"] = "start"
    workflow: Name
    version: int | Literal["latest"] = "latest"
    inputs: dict[str, Json] = {}
    run_id: Id | None = Field(
        default=None,
        description="Names the run; a second start with the same id changes nothing. None = the event's id.",
    )
    requested_by: str = Field(default="", max_length=200)


class CancelRun(Contract):
    command: Literal["cancel"] = "cancel"
    run_id: Id
    reason: Text = ""
    requested_by: str = Field(default="", max_length=200)


class RetryRun(Contract):
    """Run components again. The outcomes of all others stay as they are, byte for byte."""

    command: Literal["retry"] = "retry"
    run_id: Id
    components: tuple[ComponentName, ...] = Field(min_length=1, max_length=500)
    scope: Literal["only", "following"] = Field(
        default="only",
        description="only: these, and what could not run because of them. following: these and everything behind them.",
    )
    requested_by: str = Field(default="", max_length=200)


class RetryNow(Contract):
    """Do not wait for the next attempt that is already planned."""

    command: Literal["retry_now"] = "retry_now"
    run_id: Id
    component: ComponentName
    requested_by: str = Field(default="", max_length=200)


RunCommand = Annotated[StartRun | CancelRun | RetryRun | RetryNow, Field(discriminator="command")]
"""``runs.commands.v1``."""


class RunStatus(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"  # nothing moves until a planned attempt
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ComponentStatus(StrEnum):
    PENDING = "pending"  # waits for what comes before it
    RUNNING = "running"
    RETRYING = "retrying"  # waits for its next attempt
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UPSTREAM_FAILED = "upstream_failed"
    CANCELLED = "cancelled"


class Failure(Contract):
    """Why an attempt did not succeed."""

    code: str = Field(max_length=100, description="Stable word for programs, e.g. QueueNotFound, ConnectionRefused, HttpStatus.")
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


class RunStarted(_RunEvent):
    event: Literal["run.started"] = "run.started"
    workflow: Name
    version: int
    inputs: dict[str, Json] = {}
    requested_by: str = ""
    trigger: str = Field(default="api", max_length=40, description="api, ui, event, …")
    trace_id: TraceId | None = None
    span_id: SpanId | None = None
    parent_span_id: SpanId | None = None


class _ComponentEvent(_RunEvent):
    component: ComponentName
    generation: int = Field(default=1, ge=1, description="Raised each time the component is retried by a person.")
    attempt: int = Field(default=1, ge=1)


class AttemptStarted(_ComponentEvent):
    event: Literal["attempt.started"] = "attempt.started"
    host: str = Field(default="", max_length=200)
    span_id: SpanId | None = None


class AttemptProgressed(_ComponentEvent):
    """Sent at most once a second and attempt."""

    event: Literal["attempt.progressed"] = "attempt.progressed"
    transfer: Transfer
    message: Text = ""


class AttemptFailed(_ComponentEvent):
    """An attempt failed; either another one is planned or ``component.finished`` follows."""

    event: Literal["attempt.failed"] = "attempt.failed"
    started_at: Utc
    failure: Failure
    attempts: int = Field(description="How many attempts the strategy allows.")
    next_attempt_at: Utc | None = None
    transfer: Transfer | None = None
    host: str = Field(default="", max_length=200)
    span_id: SpanId | None = None


class ComponentFinished(_ComponentEvent):
    """The outcome of a component in this generation."""

    event: Literal["component.finished"] = "component.finished"
    status: Literal["succeeded", "failed", "upstream_failed", "cancelled"]
    started_at: Utc | None = None
    output: dict[str, Json] = {}
    transfer: Transfer | None = None
    failure: Failure | None = None
    idempotency_key: str = Field(default="", max_length=300, description="run:component:generation")
    host: str = Field(default="", max_length=200)
    span_id: SpanId | None = None
    message: Text = ""


class RunFinished(_RunEvent):
    event: Literal["run.finished"] = "run.finished"
    status: Literal["succeeded", "failed", "cancelled"]
    started_at: Utc
    message: Text = ""
    workflow: Name
    version: int = 1


class RunReopened(_RunEvent):
    """A person retries components of a run; their generation is raised and the run goes on."""

    event: Literal["run.reopened"] = "run.reopened"
    again: dict[ComponentName, int] = Field(description="Component → its new generation.")
    stays: tuple[ComponentName, ...] = ()
    requested_by: str = ""


class CommandRefused(_RunEvent):
    """A command could not be obeyed. For a refused start the run id is the one it would have had and ``seq`` is 1."""

    event: Literal["command.refused"] = "command.refused"
    command: str = Field(max_length=40)
    reason: Text
    requested_by: str = ""
    workflow: str = Field(default="", max_length=100)


RunEvent = Annotated[
    RunStarted | AttemptStarted | AttemptProgressed | AttemptFailed | ComponentFinished | RunFinished | RunReopened | CommandRefused,
    Field(discriminator="event"),
]
"""``runs.outcomes.v1``: everything that happens to a run, in order (key = run id, ``seq`` without gaps)."""
