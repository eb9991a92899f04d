"""Connector of the kind ``api``."""

from executor.connectors.api.connector import ApiConnector

__all__ = ["ApiConnector"]
