"""The kinds of components and endpoints: one module each, the table of them all, and which of them may be joined.

The shapes stand here, and not with the executor's connectors, because two services must agree on them: the gateway
checks them while somebody types, and the executor acts on them.
"""

from dataclasses import dataclass

from shared.contracts.kinds import kafka, mq, service
from shared.contracts.kinds.options import Options


@dataclass(frozen=True)
class Kind:
    """One kind: its name in YAML, its title for people and the shapes of its options."""

    name: str
    title: str
    endpoint: type[Options]
    secrets: type[Options]
    component: type[Options]


KINDS: dict[str, Kind] = {
    module.KIND: Kind(module.KIND, module.TITLE, module.EndpointOptions, module.EndpointSecrets, module.ComponentOptions)
    for module in (kafka, mq, service)
}


@dataclass(frozen=True)
class Join:
    """A kind of connection: which pairs it may join, and what it means."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    meaning: str


JOINS: dict[str, Join] = {
    join.name: join
    for join in (
        Join(
            "kafka-to-kafka",
            (("kafka", "kafka"),),
            "Every message of the source topic is written to the target topic, per key in order.",
        ),
        Join(
            "kafka-to-mq",
            (("kafka", "mq"),),
            "Every message of the topic is published to the queue with publisher confirms, per key in order.",
        ),
        Join(
            "mq-to-mq",
            (("mq", "mq"),),
            "Every message of the source queue is moved to the target queue; acknowledged after the confirm.",
        ),
        Join(
            "mq-to-kafka",
            (("mq", "kafka"),),
            "Every message of the queue is written to the topic; acknowledged after the broker's ack.",
        ),
        Join(
            "processing",
            (("kafka", "service"), ("mq", "service"), ("service", "service")),
            "What the source holds is handed to the service: each message by a call of its own, or one call for all.",
        ),
    )
}


def join_between(source: str, target: str) -> Join | None:
    """Return the kind of connection that joins two kinds, or None when nothing does."""
    return next((join for join in JOINS.values() if (source, target) in join.pairs), None)
