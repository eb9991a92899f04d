"""On-demand reads between services: the bodies of the internal HTTP interface. They change nothing anywhere."""

from typing import Literal

from pydantic import ConfigDict, Field

from shared.contracts.base import Contract, Id, Json, Text, Utc
from shared.contracts.clusters import ClusterRegistered, ComponentHealth, Reach
from shared.contracts.dags import TaskInstanceSeen


class ConnectionTestRequest(Contract):
    """``POST /internal/clusters/test`` of the cluster-poller: try a cluster that may not be saved yet."""

    cluster: ClusterRegistered


class ConnectionTestResult(Contract):
    """What the test found. ``problem`` is a stable word, ``message`` a sentence with the way out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": False,
                    "reach": "unauthorised",
                    "problem": "wrong_password",
                    "message": "Airflow does not accept the user 'flowtower' with this password. Enter them again.",
                    "version": "3.3.2",
                    "api": "v2",
                    "latency_seconds": 0.084,
                }
            ]
        }
    )

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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "read_at": "2026-11-22T03:16:00Z",
                    "tasks": [
                        {
                            "task_id": "load",
                            "state": "failed",
                            "try_number": 2,
                            "max_tries": 1,
                            "operator": "PythonOperator",
                            "started_at": "2026-11-22T03:04:00Z",
                            "ended_at": "2026-11-22T03:04:40Z",
                            "duration_seconds": 40.1,
                        }
                    ],
                }
            ]
        }
    )

    read_at: Utc
    tasks: tuple[TaskInstanceSeen, ...]
    cut: bool = Field(default=False, description="There are more than were read.")


class LogLine(Contract):
    at: Utc | None = None
    level: str = Field(default="", max_length=20)
    text: str = Field(max_length=20_000)


class TaskLog(Contract):
    """``GET /internal/clusters/{cluster_id}/dags/{dag_id}/runs/{dag_run_id}/tasks/{task_id}/log?try_number&map_index&token``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "read_at": "2026-11-22T03:16:00Z",
                    "lines": [{"at": "2026-11-22T03:04:39Z", "level": "error", "text": "OperationalError: could not connect to server"}],
                    "ended": True,
                }
            ]
        }
    )

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
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": True,
                    "message": "It answers. product: RabbitMQ, version: 4.1.4, virtual host: /.",
                    "latency_seconds": 0.012,
                    "facts": {"product": "RabbitMQ", "version": "4.1.4", "virtual_host": "/"},
                }
            ]
        }
    )

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
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": False,
                    "message": "There is no variable “age” here. There are: answered, name.",
                    "line": 1,
                    "column": 1,
                    "variables": {"answered": "bool", "name": "string"},
                }
            ]
        }
    )

    ok: bool
    message: Text = ""
    line: int | None = None
    column: int | None = None
    variables: dict[str, str] = Field(default={}, description="Variable → its type, for the editor.")
