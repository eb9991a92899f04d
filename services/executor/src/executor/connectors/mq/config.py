"""Options of the kind ``mq``; they stand with the contracts, because the gateway checks them too."""

from shared.contracts.kinds.mq import KIND, ComponentOptions, EndpointOptions, EndpointSecrets

__all__ = ["KIND", "ComponentOptions", "EndpointOptions", "EndpointSecrets"]
