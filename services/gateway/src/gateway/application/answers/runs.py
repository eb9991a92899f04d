"""Runs of workflows."""

from datetime import datetime
from typing import Any

from gateway.application.answers.base import Answer
from shared.contracts.runs import Failure, Transfer


class Hold(Answer):
    """An attempt that waits before it touches anything: which limit of its endpoint, why in words, and until when if that is known."""

    at: datetime
    limit: str
    reason: str
    until: datetime | None = None


class ComponentAnswer(Answer):
    """Where one component of a run stands."""

    component: str
    generation: int
    attempt: int
    attempts: int | None = None
    status: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    next_attempt_at: datetime | None = None
    transfer: Transfer | None = None
    failure: Failure | None = None
    output: dict[str, Any] = {}
    held: Hold | None = None
    decision: str | None = None
    why: str = ""
    message: str = ""
    host: str = ""
    span_id: str | None = None


class AttemptAnswer(Answer):
    """One try of a component."""

    component: str
    generation: int
    attempt: int
    status: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    next_attempt_at: datetime | None = None
    transfer: Transfer | None = None
    failure: Failure | None = None
    decision: str | None = None
    why: str = ""
    holds: tuple[Hold, ...] = ()
    host: str = ""
    span_id: str | None = None


class RunEventAnswer(Answer):
    """One event of a run, as the executor told it."""

    seq: int
    event: str
    at: datetime
    body: dict[str, Any]


class GraphNode(Answer):
    """A component of the run's workflow version."""

    name: str
    kind: str
    endpoint: str | None = None
    join: str | int = "all"
    compensates: str | None = None


class GraphEdge(Answer):
    """A connection of the run's workflow version."""

    source: str
    target: str
    kind: str
    when: str | None = None


class RunAnswer(Answer):
    """A run. ``status`` is ``asked`` until the executor has answered, then queued, running, waiting (for a planned attempt), paused,
    parked (for a person), succeeded, failed, cancelled or refused.
    """

    id: str
    workflow_id: str
    workflow: str
    version: int | None
    status: str
    inputs: dict[str, Any] = {}
    requested_by: str = ""
    trigger: str = ""
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    business_key: str | None = None
    priority: int = 5
    deadline_at: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str = ""
    pause_reason: str = ""
    asked_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str = ""
    seq: int = 0
    gaps: int = 0
    cancel_asked_at: datetime | None = None
    updated_at: datetime
    components: tuple[ComponentAnswer, ...] = ()


class RunDetail(RunAnswer):
    """A run with its graph, its attempts and what was asked of it."""

    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[GraphEdge, ...] = ()
    attempts: tuple[AttemptAnswer, ...] = ()
