"""Keeps the copies of the registries."""

from collections.abc import Sequence
from typing import Any

from executor.adapters.clusters import drop_cluster, keep_cluster, keep_dag_runs, keep_outcomes, keep_reach
from executor.adapters.registries import drop_endpoint, keep_endpoint, keep_workflow
from executor.application.registries import Plans
from shared.contracts.topics import (
    CLUSTERS_OBSERVATIONS,
    CLUSTERS_OUTCOMES,
    CLUSTERS_REGISTRY,
    DAGS_OBSERVATIONS,
    ENDPOINTS_REGISTRY,
    WORKFLOWS_REGISTRY,
)
from shared.runtime.consumer import Bus, Received
from shared.runtime.delivery import Transaction


def subscribe(bus: Bus, plans: Plans) -> None:
    """Subscribe to the registries; ``plans`` looks again when one has changed."""

    async def workflows(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        for received in events:
            # A tombstone is compaction's business: runs in flight still need the version.
            if received.event is not None:
                await keep_workflow(transaction, received.event)
        transaction.after_commit(plans.forget)

    async def endpoints(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        for received in events:
            if received.event is not None:
                await keep_endpoint(transaction, received.event)
            elif received.key:
                await drop_endpoint(transaction, received.key)
        transaction.after_commit(plans.forget)

    bus.consume(WORKFLOWS_REGISTRY, workflows, use="workflows")
    bus.consume(ENDPOINTS_REGISTRY, endpoints, use="endpoints")
    _subscribe_to_clusters(bus)


def _subscribe_to_clusters(bus: Bus) -> None:
    """Subscribe to what components of the kind airflow wait for."""

    async def clusters(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        for received in events:
            if received.event is not None:
                await keep_cluster(transaction, received.event)
            elif received.key:
                await drop_cluster(transaction, received.key)

    async def reach(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await keep_reach(transaction, [received.event for received in events if received.event is not None])

    async def outcomes(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await keep_outcomes(transaction, [received.event for received in events if received.event is not None])

    async def dag_runs(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await keep_dag_runs(transaction, [received.event for received in events if received.event is not None])

    bus.consume(CLUSTERS_REGISTRY, clusters, use="clusters")
    bus.consume(CLUSTERS_OBSERVATIONS, reach, use="cluster-reach")
    bus.consume(CLUSTERS_OUTCOMES, outcomes, use="cluster-outcomes")
    bus.consume(DAGS_OBSERVATIONS, dag_runs, use="dag-runs")
