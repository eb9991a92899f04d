"""Triggers of workflows: what fires, what did not, and why; and what people ask of them."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import ComponentName, Contract, Id, Name, Text, Utc

TriggerKind = Literal["event", "kafka", "schedule", "dag"]
FiringResult = Literal["started", "filtered", "paused", "missed", "failed"]


class _TriggerEvent(Contract):
    workflow_id: Id
    workflow: Name
    trigger: ComponentName
    kind: TriggerKind
    at: Utc


class TriggerFired(_TriggerEvent):
    """A firing: a run was started, or not, and why not. The same ``firing_id`` never starts a second run."""

    event: Literal["trigger.fired"] = "trigger.fired"
    firing_id: str = Field(max_length=300, description="What it is known by: the message's place, the planned time, the DAG run and state.")
    run_id: Id | None = Field(default=None, description="The run that it asked for.")
    result: FiringResult
    reason: Text = Field(default="", description="Why no run was started, or who fired it by hand; as a sentence.")
    count: int = Field(
        default=1,
        ge=1,
        description="How many firings with this result the event stands for: filtered and paused ones are added up, in a storm all are.",
    )
    planned_at: Utc | None = Field(default=None, description="For a schedule: the time that this firing stands for.")


class TriggerStanding(_TriggerEvent):
    """How a trigger stands: sent when that changes."""

    event: Literal["trigger.standing"] = "trigger.standing"
    version: int = Field(ge=1, description="Version of the workflow that declares it.")
    paused: bool = False
    next_at: Utc | None = Field(default=None, description="When a schedule fires next; None = never, or no schedule.")
    trouble: Text = Field(default="", description="Why it cannot fire now, with the way out; empty = nothing is wrong.")
    gone: bool = Field(default=False, description="The newest version no longer declares it.")


TriggerEvent = Annotated[TriggerFired | TriggerStanding, Field(discriminator="event")]
"""``triggers.events.v1``."""


class PauseTrigger(Contract):
    """Let a trigger fire no more, or again. What came meanwhile is passed over (kafka, dag) or follows ``catch_up`` (schedule)."""

    command: Literal["pause_trigger"] = "pause_trigger"
    workflow_id: Id
    trigger: ComponentName
    paused: bool
    requested_by: str = Field(default="", max_length=200)


class FireTrigger(Contract):
    """Start a run as if the trigger had fired now: to try it."""

    command: Literal["fire_trigger"] = "fire_trigger"
    workflow_id: Id
    trigger: ComponentName
    firing_id: Id
    requested_by: str = Field(default="", max_length=200)


TriggerCommand = Annotated[PauseTrigger | FireTrigger, Field(discriminator="command")]
"""``triggers.commands.v1``."""
