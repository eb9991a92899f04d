"""Builders of contracts: each returns a valid message in which a test changes only what it is about.

    build.cluster(name="eu-prod")
    build.run_started(run_id="run-1", inputs={"day": "2026-01-01"})

A changed field is validated like any other; an unknown one is a mistake in the test and raises.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

from shared.contracts.alerts import AlertChanged, AlertState, ChannelDefined, NotificationChanged, RuleDefined, RuleSubject
from shared.contracts.base import Contract
from shared.contracts.clusters import (
    ClusterCommand,
    ClusterCommandOutcome,
    ClusterObserved,
    ClusterRegistered,
    CommandStatus,
    ComponentHealth,
    Confidence,
    Health,
    PauseDag,
    Reach,
)
from shared.contracts.dags import DagRunSeen, DagRunsObserved, DagSeen, DagsObserved
from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.metrics import MetricSamples, Sample
from shared.contracts.runs import (
    AttemptFailed,
    AttemptProgressed,
    AttemptStarted,
    ComponentFinished,
    Failure,
    RunFinished,
    RunStarted,
    StartRun,
    Transfer,
)
from shared.contracts.workflows import Component, Connection, WorkflowDefinition, WorkflowPublished

C = TypeVar("C", bound=Contract)

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
"""When everything happens, unless a test says otherwise."""


def _made(kind: type[C], changes: dict[str, Any], /, **usual: Any) -> C:
    unknown = changes.keys() - kind.model_fields.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    return kind.model_validate(usual | changes)


# Clusters


def cluster(**changes: Any) -> ClusterRegistered:
    return _made(
        ClusterRegistered,
        changes,
        cluster_id="cluster-1",
        name="eu-prod",
        base_url="http://127.0.0.1:8793",
        environment="prod",
        username="admin",
    )


def component_health(**changes: Any) -> ComponentHealth:
    return _made(
        ComponentHealth,
        changes,
        component="scheduler",
        health=Health.HEALTHY,
        confidence=Confidence.MEASURED,
        source="GET /api/v2/monitor/health",
        heartbeat_at=AT,
        heartbeat_age=1.5,
    )


def cluster_observed(**changes: Any) -> ClusterObserved:
    return _made(
        ClusterObserved,
        changes,
        cluster_id="cluster-1",
        observed_at=AT,
        reach=Reach.ANSWERED,
        version="3.3.2",
        api="v2",
        last_answer_at=AT,
        components=(component_health(),),
        dags_total=3,
        dags_paused=1,
    )


def cluster_command(**changes: Any) -> ClusterCommand:
    return _made(
        ClusterCommand,
        changes,
        command_id="command-1",
        cluster_id="cluster-1",
        requested_by="ada",
        requested_at=AT,
        do=PauseDag(dag_id="orders_hourly", paused=True),
    )


def cluster_outcome(**changes: Any) -> ClusterCommandOutcome:
    return _made(
        ClusterCommandOutcome,
        changes,
        command_id="command-1",
        cluster_id="cluster-1",
        status=CommandStatus.CONFIRMED,
        at=AT,
        dag_id="orders_hourly",
        observed={"is_paused": True},
    )


# DAGs


def dag(**changes: Any) -> DagSeen:
    return _made(DagSeen, changes, dag_id="orders_hourly", is_paused=False, owners=("data",), tags=("orders",), schedule="@hourly")


def dag_run(**changes: Any) -> DagRunSeen:
    return _made(
        DagRunSeen,
        changes,
        dag_id="orders_hourly",
        dag_run_id="scheduled__2026-01-02T03:00:00+00:00",
        state="running",
        run_type="scheduled",
        sort_at=AT,
        started_at=AT,
    )


def dags_observed(**changes: Any) -> DagsObserved:
    return _made(DagsObserved, changes, cluster_id="cluster-1", observed_at=AT, sweep="sweep-1", part=0, parts=1, dags=(dag(),))


def dag_runs_observed(**changes: Any) -> DagRunsObserved:
    return _made(DagRunsObserved, changes, cluster_id="cluster-1", observed_at=AT, runs=(dag_run(),))


# Workflows and runs


def endpoint(**changes: Any) -> EndpointRegistered:
    return _made(
        EndpointRegistered,
        changes,
        endpoint_id="endpoint-1",
        name="order-service",
        kind="service",
        options={"base_url": "http://127.0.0.1:8999"},
    )


def component(**changes: Any) -> Component:
    return _made(Component, changes, name="OrderService", kind="service", endpoint="order-service", options={"path": "/orders"})


def connection(**changes: Any) -> Connection:
    return _made(Connection, changes, source="OrderTopic", target="OrderQueue", kind="kafka-to-mq")


def workflow_definition(**changes: Any) -> WorkflowDefinition:
    return _made(WorkflowDefinition, changes, workflow="order-processing", components=(component(),))


def workflow_published(**changes: Any) -> WorkflowPublished:
    return _made(
        WorkflowPublished,
        changes,
        workflow_id="workflow-1",
        version=1,
        definition=workflow_definition(),
        published_by="ada",
        published_at=AT,
    )


def start_run(**changes: Any) -> StartRun:
    return _made(StartRun, changes, workflow="order-processing")


def _of_run(seq: int) -> dict[str, Any]:
    return {"run_id": "run-1", "workflow_id": "workflow-1", "seq": seq, "at": AT}


def run_started(**changes: Any) -> RunStarted:
    return _made(RunStarted, changes, **_of_run(1), workflow="order-processing", version=1, requested_by="ada")


def attempt_started(**changes: Any) -> AttemptStarted:
    return _made(AttemptStarted, changes, **_of_run(2), component="OrderService", host="test")


def attempt_progressed(**changes: Any) -> AttemptProgressed:
    return _made(AttemptProgressed, changes, **_of_run(3), component="OrderService", transfer=transfer())


def attempt_failed(**changes: Any) -> AttemptFailed:
    return _made(AttemptFailed, changes, **_of_run(3), component="OrderService", started_at=AT, failure=failure(), attempts=3)


def component_finished(**changes: Any) -> ComponentFinished:
    return _made(
        ComponentFinished,
        changes,
        **_of_run(4),
        component="OrderService",
        status="succeeded",
        started_at=AT,
        idempotency_key="run-1:OrderService:1",
    )


def run_finished(**changes: Any) -> RunFinished:
    return _made(RunFinished, changes, **_of_run(5), status="succeeded", started_at=AT, workflow="order-processing")


def transfer(**changes: Any) -> Transfer:
    return _made(Transfer, changes, read=100, confirmed=90, total=1000, bytes=9000)


def failure(**changes: Any) -> Failure:
    return _made(Failure, changes, code="HttpStatus:503", message="The service answered 503. Try again later.", retryable=True)


# Alerts and samples


def rule(**changes: Any) -> RuleDefined:
    return _made(
        RuleDefined,
        changes,
        rule_id="rule-1",
        name="run-failed",
        subject=RuleSubject.WORKFLOW_RUN,
        expression='status == "failed"',
        channels=("channel-1",),
    )


def channel(**changes: Any) -> ChannelDefined:
    return _made(ChannelDefined, changes, channel_id="channel-1", name="on-call", kind="slack", options={"channel": "C0ALERTS"})


def alert_changed(**changes: Any) -> AlertChanged:
    return _made(
        AlertChanged,
        changes,
        alert_id="alert-1",
        fingerprint="rule-1:run-1",
        rule_id="rule-1",
        rule="run-failed",
        severity="warning",
        state=AlertState.FIRING,
        since=AT,
        at=AT,
        title="order-processing failed",
        where="order-processing · run-1",
    )


def notification_changed(**changes: Any) -> NotificationChanged:
    return _made(
        NotificationChanged,
        changes,
        notification_id="notification-1",
        alert_id="alert-1",
        channel_id="channel-1",
        channel="on-call",
        transition="fired",
        status="sent",
        at=AT,
        attempts=1,
    )


def samples(**changes: Any) -> MetricSamples:
    return _made(MetricSamples, changes, source="billing", samples=(Sample(name="orders_waiting", value=3),))
