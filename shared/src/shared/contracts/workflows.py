"""Workflows: the graph that the executor runs, as it was published in one immutable version."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import ComponentName, Contract, Expression, Id, InputName, Json, Name, Seconds, Text, Utc

FailureCode = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^(?:[A-Za-z][A-Za-z0-9]*(?::[A-Za-z0-9*]+)?|\*)$")]


class FixedRetry(Contract):
    """Wait ``every`` seconds between attempts; ``attempts`` counts the first one too."""

    strategy: Literal["fixed"] = "fixed"
    every: Seconds
    attempts: int = Field(default=3, ge=1, le=1000)


class ExponentialRetry(Contract):
    """Wait ``first`` seconds, then ``factor`` times longer each time, never more than ``most``."""

    strategy: Literal["exponential"] = "exponential"
    first: Seconds = 1.0
    factor: float = Field(default=2.0, ge=1, le=100)
    most: Seconds = 60.0
    attempts: int = Field(default=5, ge=1, le=1000)
    jitter: float = Field(default=0.0, ge=0, le=1, description="Share of the wait that is random, 0 = exact.")


class CustomRetry(Contract):
    """Wait as listed, or as a plug-in says; one attempt more than there are waits."""

    strategy: Literal["custom"] = "custom"
    waits: tuple[Seconds, ...] = Field(default=(), max_length=100)
    plugin: str | None = Field(default=None, max_length=100, description="Name of an installed plug-in that answers with the next wait.")
    attempts: int | None = Field(default=None, ge=1, le=1000, description="With a plug-in: the most attempts, the first one counted.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "CustomRetry":
        if bool(self.waits) == bool(self.plugin):
            raise ValueError("write either waits: [1s, 10s] or plugin: <name>")
        return self


RetryStrategy = Annotated[FixedRetry | ExponentialRetry | CustomRetry, Field(discriminator="strategy")]


class ErrorClasses(Contract):
    """Which failures, by their code (``QueueNotFound``, ``HttpStatus:503``, ``*``), are retried, parked or final.

    The longest match counts; what is not named is as its connector says. A parked component keeps its place and waits for a person.
    """

    retry: tuple[FailureCode, ...] = ()
    park: tuple[FailureCode, ...] = ()
    fail: tuple[FailureCode, ...] = ()


class Component(Contract):
    """A node of the graph. ``options`` follows the kind's ComponentOptions."""

    name: ComponentName
    kind: str = Field(max_length=40)
    endpoint: Name | None = Field(default=None, description="Name of the endpoint that the component uses.")
    options: dict[str, Json] = {}
    retry: RetryStrategy | None = Field(default=None, description="None = one attempt.")
    timeout: Seconds | None = Field(default=None, description="For one attempt; None = no limit.")
    deadline: Seconds | None = Field(default=None, description="For all attempts together, waits included; None = no limit.")
    errors: ErrorClasses = ErrorClasses()
    join: Literal["all", "any"] | Annotated[int, Field(ge=1, le=500)] = Field(
        default="all",
        description="What it waits for: all of its incoming connections, any one, or this many of them.",
    )
    compensates: ComponentName | None = Field(
        default=None,
        description="Runs only when the run is cancelled, and only if that component had succeeded. It has no connections.",
    )


class Connection(Contract):
    """A typed edge of the graph."""

    source: ComponentName
    target: ComponentName
    kind: str = Field(max_length=40)
    when: Expression | None = Field(
        default=None,
        description="CEL over inputs and output (of the source): the connection carries on only if it is true.",
    )


class EventTrigger(Contract):
    """Programs outside Flowtower may start the workflow by a message on ``runs.commands.v1``."""

    kind: Literal["event"] = "event"


class _NamedTrigger(Contract):
    name: ComponentName = Field(description="Names the trigger within its workflow.")
    inputs: dict[InputName, Json] = Field(default={}, description="Inputs of the runs that it starts.")


class KafkaTrigger(_NamedTrigger):
    """A message on a topic of an endpoint starts a run; each message (topic, partition, offset) at most one."""

    kind: Literal["kafka"] = "kafka"
    endpoint: Name
    topic: str = Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")
    filter: Expression | None = Field(
        default=None,
        description="CEL over value (the JSON), key, headers, topic, partition, offset: true starts a run.",
    )
    map: dict[InputName, Expression] = Field(default={}, description="Input → CEL over the same variables.")
    most_per_minute: int = Field(default=600, ge=1, le=100_000, description="More than these wait in the topic; none is lost.")


class ScheduleTrigger(_NamedTrigger):
    """A cron expression starts runs."""

    kind: Literal["schedule"] = "schedule"
    cron: str = Field(min_length=1, max_length=200, description="Five fields, e.g. 0 6 * * 1-5.")
    time_zone: str = Field(default="UTC", max_length=64, description="Name of the IANA database, e.g. Europe/Berlin.")
    catch_up: Literal["none", "last", "all"] = Field(
        default="last",
        description="What happens to times that passed while nobody could fire: nothing, one run for the last, or one for each.",
    )
    most_catch_up: int = Field(default=100, ge=1, le=10_000, description="With catch_up: all, the most runs that are made up for.")


class DagTrigger(_NamedTrigger):
    """A DAG run that reaches a state starts a run; each DAG run and state at most one."""

    kind: Literal["dag"] = "dag"
    cluster: Name = Field(description="Name of the cluster.")
    dag_id: str = Field(min_length=1, max_length=250)
    states: tuple[str, ...] = Field(default=("success",), min_length=1, max_length=10)
    map: dict[InputName, Expression] = Field(default={}, description="Input → CEL over cluster, dag_id, dag_run_id, state.")


Trigger = Annotated[EventTrigger | KafkaTrigger | ScheduleTrigger | DagTrigger, Field(discriminator="kind")]


class WorkflowDefinition(Contract):
    """A checked graph: names are unique, connections join what may be joined, there is no cycle."""

    workflow: Name
    description: Text = ""
    inputs: dict[InputName, dict[str, Json]] = Field(
        default={},
        max_length=200,
        description="Input → its JSON Schema (2020-12). One with a default may be left out; any other is required. Empty = whatever comes.",
    )
    business_key: Expression | None = Field(
        default=None,
        description="CEL over inputs, e.g. inputs.order.id: the name by which people find a run.",
    )
    timeout: Seconds | None = Field(default=None, description="For a whole run, waits included; None = no limit.")
    concurrency: int | None = Field(default=None, ge=1, le=100_000, description="Runs at once; more wait for their turn. None = no limit.")
    priority: int = Field(default=5, ge=0, le=9, description="Among what waits for its turn: 0 = last, 9 = first.")
    components: tuple[Component, ...] = Field(min_length=1, max_length=500)
    connections: tuple[Connection, ...] = Field(default=(), max_length=2000)
    triggers: tuple[Trigger, ...] = Field(default=(), max_length=50)


class WorkflowPublished(Contract):
    """``workflows.registry.v1``: one version of a workflow. The key is ``<workflow id>:<version>``, so compaction keeps each."""

    workflow_id: Id
    version: int = Field(ge=1)
    definition: WorkflowDefinition
    yaml: str = Field(default="", max_length=1_000_000, description="As people wrote it, comments and order kept.")
    published_by: str = Field(default="", max_length=200)
    published_at: Utc
    retired: bool = Field(default=False, description="The workflow was deleted: runs in flight go on, no new one starts.")
