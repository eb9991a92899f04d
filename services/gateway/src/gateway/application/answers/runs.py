"""Runs of workflows."""

from datetime import datetime
from typing import Any

from gateway.application.answers.base import Answer, example
from shared.contracts.runs import Failure, Transfer


class Hold(Answer):
    """An attempt that waits before it touches anything: which limit of its endpoint, why in words, and until when if that is known."""

    at: datetime
    limit: str
    reason: str
    until: datetime | None = None


class Refusal(Answer):
    """What was asked of a run last and refused, until the run has gone on. ``gone``: the executor has forgotten the run."""

    at: datetime
    command: str
    reason: str
    requested_by: str = ""
    gone: bool = False


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

    model_config = example(
        seq=40, event="component.finished", at="2026-11-22T03:10:31Z", body={"component": "OrderQueue", "status": "failed"}
    )

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


_A_RUN: dict[str, Any] = {
    "id": "0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01",
    "workflow_id": "01977d10-0000-7000-8000-000000000001",
    "workflow": "order-processing",
    "version": 7,
    "status": "failed",
    "inputs": {"day": "2026-11-21"},
    "requested_by": "ada",
    "trigger": "ui",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "business_key": "order-4711",
    "asked_at": "2026-11-22T03:10:00Z",
    "started_at": "2026-11-22T03:10:00.1Z",
    "finished_at": "2026-11-22T03:10:31Z",
    "message": "OrderQueue failed: There is no queue “orders”.",
    "seq": 41,
    "updated_at": "2026-11-22T03:10:31Z",
}
_FAILED: dict[str, Any] = {
    "component": "OrderQueue",
    "generation": 1,
    "attempt": 5,
    "attempts": 5,
    "status": "failed",
    "started_at": "2026-11-22T03:10:04Z",
    "finished_at": "2026-11-22T03:10:31Z",
    "failure": {
        "code": "QueueNotFound",
        "message": "There is no queue “orders”. Create it, or set declare.",
        "retryable": True,
    },
    "decision": "fail",
}


class RunAnswer(Answer):
    """A run. ``status`` is ``asked`` until the executor has answered, then queued, running, waiting (for a planned attempt), paused,
    parked (for a person), succeeded, failed, cancelled or refused. ``queued_for`` is what a queued run waits for: ``workflow`` (its limit),
    ``executor`` (room there) or ``endpoint`` (many of the workflow's runs wait for one already); empty = not told.
    """

    model_config = example(
        **_A_RUN,
        components=[
            {
                "component": "OrderTopic",
                "generation": 1,
                "attempt": 1,
                "status": "succeeded",
                "started_at": "2026-11-22T03:10:00.2Z",
                "finished_at": "2026-11-22T03:10:04Z",
                "transfer": {"read": 10000, "confirmed": 10000, "total": 10000, "bytes": 2400000},
            },
            _FAILED,
        ],
    )

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
    queued_for: str = ""
    paused_at: datetime | None = None
    paused_by: str = ""
    pause_reason: str = ""
    asked_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str = ""
    seq: int = 0
    gaps: int = 0
    refusal: Refusal | None = None
    cancel_asked_at: datetime | None = None
    updated_at: datetime
    components: tuple[ComponentAnswer, ...] = ()


class RunDetail(RunAnswer):
    """A run with its graph, its attempts and what was asked of it."""

    model_config = example(
        **_A_RUN,
        components=[_FAILED],
        nodes=[
            {"name": "OrderTopic", "kind": "kafka", "endpoint": "prod-kafka"},
            {"name": "OrderQueue", "kind": "mq", "endpoint": "orders-mq"},
        ],
        edges=[{"source": "OrderTopic", "target": "OrderQueue", "kind": "kafka-to-mq"}],
        attempts=[
            {
                "component": "OrderQueue",
                "generation": 1,
                "attempt": 5,
                "status": "failed",
                "started_at": "2026-11-22T03:10:30Z",
                "finished_at": "2026-11-22T03:10:31Z",
                "decision": "fail",
                "why": "All 5 attempts were made.",
            }
        ],
    )

    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[GraphEdge, ...] = ()
    attempts: tuple[AttemptAnswer, ...] = ()
