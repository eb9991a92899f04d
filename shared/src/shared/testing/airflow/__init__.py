"""A real Airflow of either major as private local processes."""

from shared.testing.airflow.part import AirflowPart

__all__ = ["AirflowPart"]
