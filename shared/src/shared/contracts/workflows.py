"""Workflows: the graph that the executor runs, as it was published in one immutable version."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import ComponentName, Contract, Id, Json, Name, Seconds, Text, Utc


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
    """Wait as listed; one attempt more than there are waits."""

    strategy: Literal["custom"] = "custom"
    waits: tuple[Seconds, ...] = Field(min_length=1, max_length=100)


RetryStrategy = Annotated[FixedRetry | ExponentialRetry | CustomRetry, Field(discriminator="strategy")]


class Component(Contract):
    """A node of the graph. ``options`` follows the kind's ComponentOptions."""

    name: ComponentName
    kind: str = Field(max_length=40)
    endpoint: Name | None = Field(default=None, description="Name of the endpoint that the component uses.")
    options: dict[str, Json] = {}
    retry: RetryStrategy | None = Field(default=None, description="None = one attempt.")
    timeout: Seconds | None = Field(default=None, description="For one attempt; None = no limit.")


class Connection(Contract):
    """A typed edge of the graph."""

    source: ComponentName
    target: ComponentName
    kind: str = Field(max_length=40)


class EventTrigger(Contract):
    """Programs outside Flowtower may start the workflow by a message on ``runs.commands.v1``."""

    kind: Literal["event"] = "event"


class WorkflowDefinition(Contract):
    """A checked graph: names are unique, connections join what may be joined, there is no cycle."""

    workflow: Name
    description: Text = ""
    components: tuple[Component, ...] = Field(min_length=1, max_length=500)
    connections: tuple[Connection, ...] = Field(default=(), max_length=2000)
    triggers: tuple[EventTrigger, ...] = ()


class WorkflowPublished(Contract):
    """``workflows.registry.v1``: one version of a workflow. The key is ``<workflow id>:<version>``, so compaction keeps each."""

    workflow_id: Id
    version: int = Field(ge=1)
    definition: WorkflowDefinition
    yaml: str = Field(default="", max_length=1_000_000, description="As people wrote it, comments and order kept.")
    published_by: str = Field(default="", max_length=200)
    published_at: Utc
    retired: bool = Field(default=False, description="The workflow was deleted: runs in flight go on, no new one starts.")
