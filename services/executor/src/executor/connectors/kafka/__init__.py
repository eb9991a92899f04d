"""Connector of the kind ``kafka``."""

from executor.connectors.kafka.connector import KafkaConnector

__all__ = ["KafkaConnector"]
