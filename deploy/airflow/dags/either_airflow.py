"""The names that DAG files need, from Airflow 3 where it is there and from Airflow 2 otherwise."""

from datetime import UTC, datetime

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG, Asset
except ImportError:
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import PythonOperator

START = datetime(2026, 1, 1, tzinfo=UTC)

__all__ = ["DAG", "START", "Asset", "EmptyOperator", "PythonOperator"]
