"""Airflow 2.x: ``/api/v1``."""
