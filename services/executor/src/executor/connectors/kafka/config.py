"""Options of the kind ``kafka``; they stand with the contracts, because the gateway checks them too."""

from shared.contracts.kinds.kafka import KIND, ComponentOptions, EndpointOptions, EndpointSecrets

__all__ = ["KIND", "ComponentOptions", "EndpointOptions", "EndpointSecrets"]
