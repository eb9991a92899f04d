"""Clusters: their registration, what people ask of them and what the poller saw of them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import Contract, Id, Json, Name, Seconds, Text, Utc


class SignIn(StrEnum):
    """How the poller signs in to a cluster's API."""

    PASSWORD = "password"  # noqa: S105 - the name of a way, not a secret
    TOKEN = "token"  # noqa: S105


class ClusterRegistered(Contract):
    """``clusters.registry.v1``: one cluster as people registered it; a tombstone removes it."""

    cluster_id: Id
    name: Name
    base_url: str = Field(max_length=2000, description="Root of the Airflow web server, without /api/v1 or /api/v2.")
    environment: str = Field(default="", max_length=40)
    tags: tuple[str, ...] = ()
    sign_in: SignIn = SignIn.PASSWORD
    username: str = Field(default="", max_length=200)
    sealed_secret: str | None = Field(default=None, description="Password or token, sealed to the cluster-poller; owner = cluster_id.")
    verify_tls: bool = True
    ca_pem: str | None = Field(default=None, max_length=100_000, description="Extra authority that signs the cluster's certificate.")
    poll_seconds: Seconds = 5.0
    revision: int = Field(
        default=1,
        ge=1,
        description="Raised by each change, so that an observation tells which definition it belongs to.",
    )


class PauseDag(Contract):
    action: Literal["pause_dag"] = "pause_dag"
    dag_id: str = Field(max_length=250)
    paused: bool


class TriggerDag(Contract):
    action: Literal["trigger_dag"] = "trigger_dag"
    dag_id: str = Field(max_length=250)
    dag_run_id: str = Field(max_length=250, description="Made by the asker: a repeated command meets its own run, not a second one.")
    conf: dict[str, Json] = {}
    note: Text = ""


class PollNow(Contract):
    action: Literal["poll_now"] = "poll_now"


ClusterAction = Annotated[PauseDag | TriggerDag | PollNow, Field(discriminator="action")]


class ClusterCommand(Contract):
    """``clusters.commands.v1``: something that a person or a workflow asks of a cluster."""

    command_id: Id
    cluster_id: Id
    requested_by: str = Field(max_length=200, description="Who asked: a user's name, or workflow/run.")
    requested_at: Utc
    expires_at: Utc | None = Field(default=None, description="After this the poller refuses instead of acting late.")
    do: ClusterAction


class CommandStatus(StrEnum):
    """asked (gateway) → sent → confirmed by reading Airflow back, or refused with the reason."""

    ASKED = "asked"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class ClusterCommandOutcome(Contract):
    """``clusters.outcomes.v1``: how far a command got."""

    command_id: Id
    cluster_id: Id
    status: CommandStatus
    reason: Text = ""
    at: Utc
    dag_id: str | None = None
    dag_run_id: str | None = None
    observed: dict[str, Json] = Field(default={}, description="What Airflow said when it was read back, e.g. {'is_paused': true}.")


class Reach(StrEnum):
    """What came back when the poller called."""

    ANSWERED = "answered"
    UNREACHABLE = "unreachable"  # refused, timed out, no route, name unknown
    UNAUTHORISED = "unauthorised"  # wrong or missing credentials, or no permission
    BAD_ANSWER = "bad_answer"  # something answered that is no Airflow API, or lies
    TLS_FAILED = "tls_failed"
    EGRESS_REFUSED = "egress_refused"  # our own policy forbids that address


class Health(StrEnum):
    """State of one part of a cluster. ``unknown`` is a value of its own and never shown as healthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    ABSENT = "absent"  # this deployment has no such part


class Confidence(StrEnum):
    """How far a value can be trusted."""

    MEASURED = "measured"  # read from the cluster in this poll
    INFERRED = "inferred"  # concluded from other values of this poll
    STALE = "stale"  # from an earlier poll
    NONE = "none"  # nothing to go by


class ComponentHealth(Contract):
    """One part of a cluster (scheduler, dag_processor, triggerer, metadatabase) with its evidence."""

    component: str = Field(max_length=40)
    health: Health
    confidence: Confidence
    source: str = Field(max_length=200, description="Where the value was read, e.g. 'GET /api/v2/monitor/health'.")
    heartbeat_at: Utc | None = None
    heartbeat_age: Seconds | None = Field(default=None, description="Age of the heartbeat by the cluster's own clock when it was read.")
    detail: Text = ""


class ImportError_(Contract):  # noqa: N801 - Airflow's word for a DAG file that does not load
    filename: str = Field(max_length=1000)
    error: Text
    at: Utc | None = None


class ClusterObserved(Contract):
    """``clusters.observations.v1``: what one poll saw of a cluster as a whole."""

    cluster_id: Id
    revision: int = 1
    observed_at: Utc
    reach: Reach
    detail: Text = Field(default="", description="A sentence for people: what happened and the way out.")
    version: str | None = Field(default=None, max_length=40, description="Airflow's version, e.g. 3.3.2.")
    api: Literal["v1", "v2"] | None = None
    latency_seconds: Seconds | None = None
    requests: int = Field(default=0, ge=0, description="Requests that this poll cost.")
    clock_skew_seconds: float | None = None
    last_answer_at: Utc | None = Field(default=None, description="When the cluster last answered properly.")
    components: tuple[ComponentHealth, ...] = ()
    dags_total: int | None = None
    dags_paused: int | None = None
    queued_task_instances: int | None = None
    oldest_queued_seconds: Seconds | None = None
    import_errors: tuple[ImportError_, ...] | None = Field(default=None, description="None = not read in this poll.")
