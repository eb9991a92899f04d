"""Airflow 3.x: ``/api/v2``."""
