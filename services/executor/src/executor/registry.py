"""Every kind and its connector: the one line that a new kind adds."""

from executor.application.clusters import Clusters
from executor.application.ports import Connector
from executor.connectors.airflow import AirflowConnector
from executor.connectors.api import ApiConnector
from executor.connectors.database import DatabaseConnector
from executor.connectors.kafka import KafkaConnector
from executor.connectors.mq import MqConnector
from executor.connectors.service import ServiceConnector
from shared.runtime.egress import Egress


def connectors_of(egress: Egress, clusters: Clusters) -> dict[str, Connector]:
    """Return kind → connector."""
    found: tuple[Connector, ...] = (
        KafkaConnector(egress),
        MqConnector(egress),
        DatabaseConnector(egress),
        ServiceConnector(egress),
        ApiConnector(egress),
        AirflowConnector(clusters),
    )
    return {connector.kind: connector for connector in found}
