"""Connector of the kind ``airflow``."""

from executor.connectors.airflow.connector import AirflowConnector

__all__ = ["AirflowConnector"]
