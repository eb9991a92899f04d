"""The topics that the alerter reads, and the use case behind each."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from alerter.adapters.store import Stores
from alerter.application.commands import Commands, Impossible
from alerter.application.definitions import Definitions
from alerter.application.happenings import Happenings
from alerter.application.ports import Store
from shared.contracts import topics
from shared.runtime.consumer import Bus, Received, Reject
from shared.runtime.delivery import Transaction

Events = Sequence[Received[Any]]
Use = Callable[[Events, Store], Awaitable[None]]


def subscribe(bus: Bus, stores: Stores, happenings: Happenings, definitions: Definitions, commands: Commands) -> None:
    """Subscribe to every topic, each under a use of its own."""

    def consume(topic: topics.Topic, use: str, work: Use, *, max_records: int = 500) -> None:
        async def handler(transaction: Transaction, received: Events) -> None:
            await work(received, stores.within(transaction))

        bus.consume(topic, handler, use=use, max_records=max_records)

    consume(topics.CLUSTERS_OBSERVATIONS, "clusters", _news(happenings.clusters_observed))
    consume(topics.DAGS_OBSERVATIONS, "dags", _news(happenings.dags_observed))
    consume(topics.RUNS_OUTCOMES, "runs", _news(happenings.runs_changed))
    consume(topics.METRICS_SAMPLES, "samples", _samples(happenings))
    consume(topics.ALERTS_RULES, "rules", _registry(definitions.rule))
    consume(topics.ALERTS_CHANNELS, "channels", _registry(definitions.channel))
    consume(topics.CLUSTERS_REGISTRY, "cluster-names", _registry(definitions.cluster))
    consume(topics.WORKFLOWS_REGISTRY, "workflow-names", _workflows(definitions))
    consume(topics.ALERTS_COMMANDS, "commands", _commands(commands))


def _news(work: Callable[[Sequence[Any], Store], Awaitable[None]]) -> Use:
    async def use(received: Events, store: Store) -> None:
        await work([item.event for item in received if item.event is not None], store)

    return use


def _samples(happenings: Happenings) -> Use:
    async def use(received: Events, store: Store) -> None:
        await happenings.samples_received([(item.event, item.time) for item in received if item.event is not None], store)

    return use


def _registry(work: Callable[[str, Any, Store], Awaitable[None]]) -> Use:
    """Definitions by key: an event without a value removes what its key names."""

    async def use(received: Events, store: Store) -> None:
        for item in received:
            if not item.key:
                raise Reject("the message has no key, and the key says what it defines")
            await work(item.key, item.event, store)

    return use


def _workflows(definitions: Definitions) -> Use:
    async def use(received: Events, store: Store) -> None:
        for item in received:
            if item.event is not None:
                await definitions.workflow(item.event, store)

    return use


def _commands(commands: Commands) -> Use:
    async def use(received: Events, store: Store) -> None:
        for item in received:
            if item.event is None:
                continue
            try:
                await commands.obey(item.event, store)
            except Impossible as error:
                raise Reject(str(error)) from error

    return use
