"""Keeps the copies of the registries, and takes in what triggers hear of."""

from collections.abc import Callable, Sequence
from typing import Any

from executor.adapters.registries import drop_endpoint, keep_endpoint, keep_workflow
from executor.adapters.triggers.dag_runs import take_dag_runs
from executor.adapters.triggers.declared import hold, keep_cluster, obey, restand_dags, sync
from executor.application.registries import Plans
from shared.contracts.topics import CLUSTERS_REGISTRY, DAGS_OBSERVATIONS, ENDPOINTS_REGISTRY, TRIGGERS_COMMANDS, WORKFLOWS_REGISTRY
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

    bus.consume(WORKFLOWS_REGISTRY, workflows, use="workflows")
    bus.consume(ENDPOINTS_REGISTRY, endpoints, use="endpoints")
    subscribe_triggers(bus, nudge)


def subscribe_triggers(bus: Bus, nudge: Callable[[], None]) -> None:
    """Subscribe to what triggers hear of: commands, the names of clusters, and DAG runs."""

    async def commands(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await obey(transaction, [received.event for received in events if received.event is not None])
        transaction.after_commit(nudge)

    async def clusters(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await hold(transaction)
        for received in events:
            if received.event is not None:
                await keep_cluster(transaction, received.event.cluster_id, received.event.name)
            elif received.key:
                await keep_cluster(transaction, received.key, None)
        await restand_dags(transaction)

    async def dag_runs(transaction: Transaction, events: Sequence[Received[Any]]) -> None:
        await take_dag_runs(transaction, [received.event for received in events if received.event is not None])

    bus.consume(TRIGGERS_COMMANDS, commands, use="triggers")
    bus.consume(CLUSTERS_REGISTRY, clusters, use="trigger-clusters")
    bus.consume(DAGS_OBSERVATIONS, dag_runs, use="trigger-dags", max_records=50)
