"""Connector of the kind ``mq``."""

from executor.connectors.mq.connector import MqConnector

__all__ = ["MqConnector"]
