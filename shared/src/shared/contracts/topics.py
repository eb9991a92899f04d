"""Every topic, once: what it carries, who writes and reads it, its key, partitions and retention.

Topics are created from this table and never by hand. The partition count of a topic is fixed: growing it would send
later messages of a key elsewhere than the earlier ones.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.contracts.alerts import AlertCommand, AlertEvent, ChannelDefined, RuleDefined
from shared.contracts.clusters import ClusterCommand, ClusterCommandOutcome, ClusterObserved, ClusterRegistered
from shared.contracts.dags import DagObservation
from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.metrics import MetricSamples
from shared.contracts.runs import OtherRunEvent, RunCommand, RunEvent
from shared.contracts.triggers import TriggerCommand, TriggerEvent
from shared.contracts.workflows import WorkflowPublished

EXTERNAL = "external"
"""Programs outside Flowtower."""

MAX_MESSAGE_BYTES = 1_048_576
"""Largest value that is written or accepted on any topic, decoded: 1 MiB, Kafka's own default."""


@dataclass(frozen=True)
class Topic:
    """A topic and its contract. ``message`` is a model or a discriminated union of models."""

    name: str
    message: Any
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int = 6
    compacted: bool = False
    retention: timedelta = timedelta(days=7)
    about: str = ""
    other: type[BaseModel] | None = None
    """Takes messages of kinds that a newer writer added, where they count for the order of the rest."""
    adapter: TypeAdapter[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "adapter", TypeAdapter(self.message))

    def decode(self, value: bytes) -> Any:
        """Return the message in ``value``; raise pydantic's ValidationError, which names each field, when it is none."""
        try:
            return self.adapter.validate_json(value)
        except ValidationError as error:
            if self.other is None or [item["type"] for item in error.errors(include_url=False)] != ["union_tag_invalid"]:
                raise
            return self.other.model_validate_json(value)

    def encode(self, message: Any) -> bytes:
        """Return the message as JSON bytes."""
        return self.adapter.dump_json(message, exclude_none=True)

    def dead_letter(self, group: str) -> str:
        """Return the topic for what a consumer group could not use."""
        return f"{self.name}.{group}.dlq"

    @property
    def external(self) -> bool:
        """Whether programs outside Flowtower may write here."""
        return EXTERNAL in self.producers


CLUSTERS_REGISTRY = Topic(
    "clusters.registry.v1",
    ClusterRegistered,
    "cluster_id",
    ("gateway",),
    ("cluster-poller", "alerter", "executor"),
    compacted=True,
    about="The clusters that people registered. A tombstone removes one.",
)
CLUSTERS_COMMANDS = Topic(
    "clusters.commands.v1",
    ClusterCommand,
    "cluster_id",
    ("gateway", "executor"),
    ("cluster-poller",),
    about="What is asked of a cluster: pause, trigger, poll now.",
)
CLUSTERS_OUTCOMES = Topic(
    "clusters.outcomes.v1",
    ClusterCommandOutcome,
    "cluster_id",
    ("cluster-poller",),
    ("gateway", "executor"),
    about="How far each command got: sent, confirmed by reading Airflow back, or refused.",
)
CLUSTERS_OBSERVATIONS = Topic(
    "clusters.observations.v1",
    ClusterObserved,
    "cluster_id",
    ("cluster-poller",),
    ("gateway", "alerter", "executor"),
    about="What each poll saw of a cluster as a whole.",
)
DAGS_OBSERVATIONS = Topic(
    "dags.observations.v1",
    DagObservation,
    "cluster_id",
    ("cluster-poller",),
    ("gateway", "alerter", "executor"),
    about="DAGs and DAG runs that are new or changed.",
)
ENDPOINTS_REGISTRY = Topic(
    "endpoints.registry.v1",
    EndpointRegistered,
    "endpoint_id",
    ("gateway",),
    ("executor",),
    compacted=True,
    about="The endpoints that people registered, secrets sealed to the executor.",
)
WORKFLOWS_REGISTRY = Topic(
    "workflows.registry.v1",
    WorkflowPublished,
    "workflow_id:version",
    ("gateway",),
    ("executor", "alerter"),
    compacted=True,
    about="Each version of each workflow.",
)
RUNS_COMMANDS = Topic(
    "runs.commands.v1",
    RunCommand,
    "run_id",
    ("gateway", "executor", EXTERNAL),
    ("executor",),
    about="Start, cancel and retry runs. Programs outside Flowtower may start workflows that declare the event trigger.",
)
RUNS_OUTCOMES = Topic(
    "runs.outcomes.v1",
    RunEvent,
    "run_id",
    ("executor",),
    ("gateway", "alerter", EXTERNAL),
    about="Everything that happens to runs, for anyone who wants to know.",
    other=OtherRunEvent,
)
TRIGGERS_COMMANDS = Topic(
    "triggers.commands.v1",
    TriggerCommand,
    "workflow_id",
    ("gateway",),
    ("executor",),
    about="Pause, go on with, and try the triggers of workflows.",
)
TRIGGERS_EVENTS = Topic(
    "triggers.events.v1",
    TriggerEvent,
    "workflow_id",
    ("executor",),
    ("gateway", EXTERNAL),
    about="Which triggers fired, which did not and why, and how each stands.",
)
METRICS_SAMPLES = Topic(
    "metrics.samples.v1",
    MetricSamples,
    "source",
    ("cluster-poller", "executor", EXTERNAL),
    ("gateway", "alerter"),
    about="Numbers over time, from our services and from outside programs.",
)
ALERTS_RULES = Topic(
    "alerts.rules.v1",
    RuleDefined,
    "rule_id",
    ("gateway",),
    ("alerter",),
    compacted=True,
    about="The rules that people wrote.",
)
ALERTS_CHANNELS = Topic(
    "alerts.channels.v1",
    ChannelDefined,
    "channel_id",
    ("gateway",),
    ("alerter",),
    compacted=True,
    about="Where notifications go, secrets sealed to the alerter.",
)
ALERTS_COMMANDS = Topic(
    "alerts.commands.v1",
    AlertCommand,
    "alert_id",
    ("gateway",),
    ("alerter",),
    about="Acknowledge, silence, test a channel.",
)
ALERTS_EVENTS = Topic(
    "alerts.events.v1",
    AlertEvent,
    "alert_id",
    ("alerter",),
    ("gateway", EXTERNAL),
    about="Alerts and notifications, as they change.",
)

TOPICS: tuple[Topic, ...] = (
    CLUSTERS_REGISTRY,
    CLUSTERS_COMMANDS,
    CLUSTERS_OUTCOMES,
    CLUSTERS_OBSERVATIONS,
    DAGS_OBSERVATIONS,
    ENDPOINTS_REGISTRY,
    WORKFLOWS_REGISTRY,
    RUNS_COMMANDS,
    RUNS_OUTCOMES,
    TRIGGERS_COMMANDS,
    TRIGGERS_EVENTS,
    METRICS_SAMPLES,
    ALERTS_RULES,
    ALERTS_CHANNELS,
    ALERTS_COMMANDS,
    ALERTS_EVENTS,
)
