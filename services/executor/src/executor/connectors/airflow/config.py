"""Options of the kind ``airflow``; they stand with the contracts, because the gateway checks them too."""

from shared.contracts.kinds.airflow import KIND, ComponentOptions, EndpointOptions, EndpointSecrets

__all__ = ["KIND", "ComponentOptions", "EndpointOptions", "EndpointSecrets"]
