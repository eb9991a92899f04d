"""The majors of Airflow that Flowtower speaks, newest first. A new one is one folder, its tests and one line here."""

from cluster_poller.clusters.airflow2.client import MAJOR as AIRFLOW_2
from cluster_poller.clusters.airflow3.client import MAJOR as AIRFLOW_3
from cluster_poller.clusters.connection import Major

MAJORS: tuple[Major, ...] = (AIRFLOW_3, AIRFLOW_2)
