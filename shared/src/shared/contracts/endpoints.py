"""Endpoints: the named systems that components refer to."""

from pydantic import Field

from shared.contracts.base import Contract, Id, Json, Name, Seconds


class Breaker(Contract):
    """After ``failures`` failed attempts in a row on an endpoint nothing calls it for ``open_for`` seconds; then one attempt tries."""

    failures: int = Field(default=5, ge=1, le=1000)
    open_for: Seconds = 30.0


class EndpointLimits(Contract):
    """How hard an endpoint may be used by all workflows and executors together. What exceeds a limit waits, and its reason is shown."""

    concurrency: int | None = Field(default=None, ge=1, le=10_000, description="Attempts at once; None = no limit.")
    breaker: Breaker | None = None
    retry_budget: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Retries (attempts after the first) per minute; None = no limit.",
    )


class EndpointRegistered(Contract):
    """``endpoints.registry.v1``: one endpoint; a tombstone removes it."""

    endpoint_id: Id
    name: Name
    kind: str = Field(max_length=40, description="One of shared.contracts.kinds.")
    options: dict[str, Json] = Field(default={}, description="Open options, validated by the kind's EndpointOptions.")
    sealed_secret: str | None = Field(
        default=None,
        description="JSON objects of the kind's secrets, each sealed to the executor by itself, a space between; owner = endpoint_id.",
    )
    limits: EndpointLimits = EndpointLimits()
    revision: int = Field(default=1, ge=1)
