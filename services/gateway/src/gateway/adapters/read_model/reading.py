"""The port ReadModel: all reads together."""

from gateway.adapters.read_model.alert_reads import AlertReads
from gateway.adapters.read_model.bulk_reads import BulkReads
from gateway.adapters.read_model.cluster_reads import ClusterReads
from gateway.adapters.read_model.dag_reads import DagReads
from gateway.adapters.read_model.definition_reads import DefinitionReads
from gateway.adapters.read_model.endpoint_reads import EndpointReads
from gateway.adapters.read_model.outcome_reads import OutcomeReads
from gateway.adapters.read_model.run_reads import RunReads
from gateway.adapters.read_model.trigger_reads import TriggerReads


class SqlReadModel(DefinitionReads, ClusterReads, DagReads, EndpointReads, RunReads, OutcomeReads, BulkReads, AlertReads, TriggerReads):
    """Everything that is read from the gateway's schema."""
