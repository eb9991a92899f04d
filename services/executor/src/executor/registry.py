"""Every kind and its connector: the one line that a new kind adds."""

from executor.application.ports import Connector
from executor.connectors.kafka import KafkaConnector
from executor.connectors.mq import MqConnector
from executor.connectors.service import ServiceConnector
from shared.runtime.egress import Egress


def connectors_of(egress: Egress) -> dict[str, Connector]:
    """Return kind → connector."""
    found: tuple[Connector, ...] = (KafkaConnector(egress), MqConnector(egress), ServiceConnector(egress))
    return {connector.kind: connector for connector in found}
