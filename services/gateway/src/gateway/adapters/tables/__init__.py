"""The gateway's tables: definitions, the read model and what keeps them honest. The identity tables stand with identity."""

from gateway.adapters.tables.base import METADATA
from gateway.adapters.tables.bulk import BulkItem, BulkRetry
from gateway.adapters.tables.definitions import Channel, Cluster, Endpoint, Rule, Workflow, WorkflowVersion
from gateway.adapters.tables.ledger import AuditEntry, IdempotencyKey, LiveChange
from gateway.adapters.tables.observed import ClusterCommandRow, ClusterState, Dag, DagRun, DagSweep, Sample, SampleLatest
from gateway.adapters.tables.runs import Alert, Notification, Run, RunAttempt, RunComponent, RunEventRow, RunWords
from gateway.adapters.tables.triggers import TriggerFiring, TriggerState

__all__ = [
    "METADATA",
    "Alert",
    "AuditEntry",
    "BulkItem",
    "BulkRetry",
    "Channel",
    "Cluster",
    "ClusterCommandRow",
    "ClusterState",
    "Dag",
    "DagRun",
    "DagSweep",
    "Endpoint",
    "IdempotencyKey",
    "LiveChange",
    "Notification",
    "Rule",
    "Run",
    "RunAttempt",
    "RunComponent",
    "RunEventRow",
    "RunWords",
    "Sample",
    "SampleLatest",
    "TriggerFiring",
    "TriggerState",
    "Workflow",
    "WorkflowVersion",
]
