"""Endpoints: the named systems that components refer to."""

from pydantic import Field

from shared.contracts.base import Contract, Id, Json, Name


class EndpointRegistered(Contract):
    """``endpoints.registry.v1``: one endpoint; a tombstone removes it."""

    endpoint_id: Id
    name: Name
    kind: str = Field(max_length=40, description="One of shared.contracts.kinds.")
    options: dict[str, Json] = Field(default={}, description="Open options, validated by the kind's EndpointOptions.")
    sealed_secret: str | None = Field(
        default=None,
        description="JSON object of the kind's secret options, sealed to the executor; owner = endpoint_id.",
    )
    revision: int = Field(default=1, ge=1)
