"""What the poller reads from Kafka: the registered clusters and what is asked of them."""

from collections.abc import Sequence

from cluster_poller.adapters.intake import remove_cluster, write_cluster, write_command
from cluster_poller.entrypoints.schedule import Schedule
from shared.contracts import topics
from shared.contracts.clusters import ClusterCommand, ClusterRegistered
from shared.runtime.consumer import Bus, Received, Reject
from shared.runtime.delivery import Transaction


def subscribe(bus: Bus, schedule: Schedule) -> None:
    """Subscribe to both topics. What comes is only written down here; the schedule acts on it."""

    async def clusters(transaction: Transaction, events: Sequence[Received[ClusterRegistered]]) -> None:
        for event in events:
            if event.event is not None:
                await write_cluster(transaction, event.event)
            elif event.key:
                await remove_cluster(transaction, event.key)
            else:
                raise Reject("a tombstone needs the cluster's id as its key")
        transaction.after_commit(schedule.look)

    async def commands(transaction: Transaction, events: Sequence[Received[ClusterCommand]]) -> None:
        for event in events:
            if event.event is None:
                raise Reject("a command can't be a tombstone")
            await write_command(transaction, event.event, event.traceparent)
        transaction.after_commit(schedule.look)

    bus.consume(topics.CLUSTERS_REGISTRY, clusters, use="registry")
    bus.consume(topics.CLUSTERS_COMMANDS, commands, use="commands")
