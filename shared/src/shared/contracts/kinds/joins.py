"""The table of joins: which ends may be connected, and what the connection means.

An end is a kind; a component of the kind ``database`` reads, writes or executes, and counts as one end for each.
"""

from dataclasses import dataclass
from itertools import product

from shared.contracts.kinds.database import EXECUTE, QUERY, WRITE

ENDS = ("kafka", "mq", QUERY, WRITE, EXECUTE, "service", "api", "airflow")


@dataclass(frozen=True)
class Join:
    """A kind of connection: which pairs it may join, what it means, and whether messages go from end to end."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    meaning: str
    data: bool = True


_TABLE = (
    Join("kafka-to-kafka", (("kafka", "kafka"),), "Every message of the source topic is written to the target topic, per key in order."),
    Join(
        "kafka-to-mq",
        (("kafka", "mq"),),
        "Every message of the topic is published to the queue with publisher confirms, per key in order.",
    ),
    Join("mq-to-mq", (("mq", "mq"),), "Every message of the source queue is moved to the target queue; acknowledged after the confirm."),
    Join(
        "mq-to-kafka",
        (("mq", "kafka"),),
        "Every message of the queue is written to the topic; acknowledged after the broker's ack.",
    ),
    Join(
        "database-to-kafka",
        ((QUERY, "kafka"),),
        "Every row of the query is written to the topic as a JSON message, in the order of order_by.",
    ),
    Join(
        "database-to-mq", ((QUERY, "mq"),), "Every row of the query is published to the queue as a JSON message, in the order of order_by."
    ),
    Join(
        "kafka-to-database",
        (("kafka", WRITE),),
        "Every message of the topic is written to the table; with key columns a repeat changes nothing.",
    ),
    Join("mq-to-database", (("mq", WRITE),), "Every message of the queue is written to the table; acknowledged after the commit."),
    Join(
        "database-to-database",
        ((QUERY, WRITE),),
        "Every row of the query is written to the table; with key columns a repeat changes nothing.",
    ),
    Join(
        "processing",
        (("kafka", "service"), ("mq", "service"), (QUERY, "service"), ("service", "service")),
        "What the source holds is handed to the service: each message by a call of its own, or one call for all.",
    ),
    Join(
        "service-call",
        tuple((end, "service") for end in ENDS),
        "When the source has succeeded, the service is called once and told its output.",
        data=False,
    ),
    Join(
        "api-call",
        tuple((end, "api") for end in ENDS),
        "When the source has succeeded, the API is called; path, query, headers and body may use the source's output.",
        data=False,
    ),
    Join(
        "then",
        tuple(product(ENDS, ENDS)),
        "Order alone: the target starts when the source has succeeded. No messages go along; the source's output can be used.",
        data=False,
    ),
)

JOINS: dict[str, Join] = {join.name: join for join in _TABLE}
"""Name → join, in the order in which they are preferred: those that move messages first."""


def join_between(source: str, target: str) -> Join | None:
    """Return the kind of connection that joins two ends when none is named: the first of the table, or None for unknown ends."""
    return next((join for join in JOINS.values() if (source, target) in join.pairs), None)


def carries(name: str) -> bool:
    """Whether messages go along a connection of this name. A name that is not in the table is one of an installation's own kind."""
    join = JOINS.get(name)
    return join is None or join.data
