"""On-demand reads between services: the bodies of the internal HTTP interface. They change nothing anywhere."""

from typing import Literal

from pydantic import Field

from shared.contracts.base import Contract, Id, Json, Text, Utc
from shared.contracts.clusters import ClusterRegistered, ComponentHealth, Reach
from shared.contracts.dags import TaskInstanceSeen


class ConnectionTestRequest(Contract):
    """``POST /internal/clusters/test`` of the cluster-poller: try a cluster that may not be saved yet."""

    cluster: ClusterRegistered


class ConnectionTestResult(Contract):
    """What the test found. ``problem`` is a stable word, ``message`` a sentence with the way out."""

    ok: bool
    reach: Reach
    problem: Literal[
        "none",
        "wrong_url",
        "wrong_password",
        "no_permission",
        "wrong_version",
        "tls",
        "timeout",
        "unreachable",
        "egress",
        "bad_answer",
    ] = "none"
    message: Text
    version: str | None = None
    api: Literal["v1", "v2"] | None = None
    latency_seconds: float | None = None
    components: tuple[ComponentHealth, ...] = ()


class TaskInstances(Contract):
    """``GET /internal/clusters/{cluster_id}/dags/{dag_id}/runs/{dag_run_id}/tasks`` of the cluster-poller."""

    read_at: Utc
    tasks: tuple[TaskInstanceSeen, ...]
    cut: bool = Field(default=False, description="There are more than were read.")


class LogLine(Contract):
    at: Utc | None = None
    level: str = Field(default="", max_length=20)
    text: str = Field(max_length=20_000)


class TaskLog(Contract):
    """``GET /internal/clusters/{cluster_id}/dags/{dag_id}/runs/{dag_run_id}/tasks/{task_id}/log?try_number&map_index&token``."""

    read_at: Utc
    lines: tuple[LogLine, ...]
    next_token: str | None = Field(default=None, description="Read on from here; None = the log has ended.")
    ended: bool


class EndpointTestRequest(Contract):
    """``POST /internal/endpoints/test`` of the executor."""

    endpoint_id: Id
    kind: str
    options: dict[str, Json] = {}
    sealed_secret: str | None = None


class EndpointTestResult(Contract):
    ok: bool
    problem: str = Field(default="none", max_length=60)
    message: Text
    latency_seconds: float | None = None
    facts: dict[str, Json] = Field(default={}, description="What was learnt, e.g. brokers, server version.")


class RuleCheckRequest(Contract):
    """``POST /internal/rules/check`` of the alerter: whether an expression compiles for a subject."""

    subject: str
    expression: str = Field(max_length=4000)
    summary: str = Field(default="", max_length=500)


class RuleCheckResult(Contract):
    ok: bool
    message: Text = ""
    line: int | None = None
    column: int | None = None
    variables: dict[str, str] = Field(default={}, description="Variable → its type, for the editor.")
