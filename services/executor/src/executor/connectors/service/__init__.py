"""Connector of the kind ``service``."""

from executor.connectors.service.connector import ServiceConnector

__all__ = ["ServiceConnector"]
