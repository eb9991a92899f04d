"""Options of the kind ``api``; they stand with the contracts, because the gateway checks them too."""

from shared.contracts.kinds.api import KIND, ComponentOptions, EndpointOptions, EndpointSecrets

__all__ = ["KIND", "ComponentOptions", "EndpointOptions", "EndpointSecrets"]
