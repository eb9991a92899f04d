"""Options of the kind ``service``; they stand with the contracts, because the gateway checks them too."""

from shared.contracts.kinds.service import KIND, ComponentOptions, EndpointOptions, EndpointSecrets

__all__ = ["KIND", "ComponentOptions", "EndpointOptions", "EndpointSecrets"]
