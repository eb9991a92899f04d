"""Keeps the copies of the registries, and takes in what clusters and people say."""

from collections.abc import Callable, Sequence
from typing import Any

from executor.adapters.clusters import drop_cluster, keep_cluster, keep_dag_runs, keep_outcomes, keep_reach
from executor.adapters.registries import drop_endpoint, keep_endpoint, keep_workflow
from executor.adapters.triggers.dag_runs import take_dag_runs
from executor.adapters.triggers.declared import hold, obey, restand_dags, sync
from executor.application.registries import Plans
from shared.contracts.topics import (
    CLUSTERS_OBSERVATIONS,
    CLUSTERS_OUTCOMES,
    CLUSTERS_REGISTRY,
    DAGS_OBSERVATIONS,
    ENDPOINTS_REGISTRY,
    TRIGGERS_COMMANDS,
    WORKFLOWS_REGISTRY,
)
from shared.runtime.consumer import Bus, Received
from shared.runtime.delivery import Transaction


def subscribe(bus: Bus, plans: Plans, nudge: Callable[[], None]) -> None:
    """Subscribe to the registries; ``plans`` looks again when one has changed, and ``nudge`` makes triggers do so."""

    async def workflows(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await hold(transaction)
        for received in events:
            # A tombstone is compaction's business: runs in flight still need the version.
            if received.event is not None:
                await keep_workflow(transaction, received.event)
        await sync(transaction, [received.event.workflow_id for received in events if received.event is not None])
        transaction.after_commit(plans.forget)
        transaction.after_commit(nudge)

    async def endpoints(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        for received in events:
            if received.event is not None:
                await keep_endpoint(transaction, received.event)
            elif received.key:
                await drop_endpoint(transaction, received.key)
        transaction.after_commit(plans.forget)

    async def triggers(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await obey(transaction, _of(events))
        transaction.after_commit(nudge)

    bus.consume(WORKFLOWS_REGISTRY, workflows, use="workflows")
    bus.consume(ENDPOINTS_REGISTRY, endpoints, use="endpoints")
    bus.consume(TRIGGERS_COMMANDS, triggers, use="triggers")
    _subscribe_to_clusters(bus)


def _subscribe_to_clusters(bus: Bus) -> None:
    """Subscribe to what components of the kind airflow wait for, and what triggers on DAG runs fire for."""

    async def clusters(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await hold(transaction)
        for received in events:
            if received.event is not None:
                await keep_cluster(transaction, received.event)
            elif received.key:
                await drop_cluster(transaction, received.key)
        await restand_dags(transaction)

    async def reach(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await keep_reach(transaction, _of(events))

    async def outcomes(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await keep_outcomes(transaction, _of(events))

    async def dag_runs(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await keep_dag_runs(transaction, _of(events))
        await take_dag_runs(transaction, _of(events))

    bus.consume(CLUSTERS_REGISTRY, clusters, use="clusters")
    bus.consume(CLUSTERS_OBSERVATIONS, reach, use="cluster-reach")
    bus.consume(CLUSTERS_OUTCOMES, outcomes, use="cluster-outcomes")
    bus.consume(DAGS_OBSERVATIONS, dag_runs, use="dag-runs", max_records=50)


def _of(events: Sequence[Received[Any]]) -> list[Any]:
    """Return the messages, without tombstones."""
    return [received.event for received in events if received.event is not None]
