"""Connector of the kind ``database``."""

from executor.connectors.database.connector import DatabaseConnector

__all__ = ["DatabaseConnector"]
