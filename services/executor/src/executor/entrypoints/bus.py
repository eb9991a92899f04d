"""Keeps the copies of the registries."""

from collections.abc import Sequence
from typing import Any

from executor.adapters.registries import drop_endpoint, keep_endpoint, keep_workflow
from executor.application.registries import Plans
from shared.contracts.topics import ENDPOINTS_REGISTRY, WORKFLOWS_REGISTRY
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
