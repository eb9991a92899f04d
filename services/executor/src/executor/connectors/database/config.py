"""Options of the kind ``database``; they stand with the contracts, because the gateway checks them too."""

from shared.contracts.kinds.database import KIND, ComponentOptions, EndpointOptions, EndpointSecrets

__all__ = ["KIND", "ComponentOptions", "EndpointOptions", "EndpointSecrets"]
