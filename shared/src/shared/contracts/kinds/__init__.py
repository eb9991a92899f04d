"""The kinds of components and endpoints: one module each, the table of them all, and which of them may be joined.

The shapes stand here, and not with the executor's connectors, because two services must agree on them: the gateway
checks them while somebody types, and the executor acts on them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.kinds import airflow, api, database, kafka, mq, service
from shared.contracts.kinds.joins import ENDS, JOINS, Join, carries, join_between
from shared.contracts.kinds.options import Options
from shared.contracts.kinds.templates import Placed

__all__ = ["ENDPOINT_KINDS", "ENDS", "JOINS", "KINDS", "Join", "Kind", "Placed", "carries", "end_of", "join_between"]


def _none(_options: Any) -> Iterable[Placed]:
    return ()


@dataclass(frozen=True)
class Kind:
    """One kind: its name in YAML, its title for people and the shapes of its options."""

    name: str
    title: str
    endpoint: type[Options]
    secrets: type[Options]
    component: type[Options]
    needs_endpoint: bool = True
    expressions: Callable[[Any], Iterable[Placed]] = _none
    """The expressions within checked component options, with their places."""


KINDS: dict[str, Kind] = {
    module.KIND: Kind(
        module.KIND,
        module.TITLE,
        module.EndpointOptions,
        module.EndpointSecrets,
        module.ComponentOptions,
        needs_endpoint=module is not airflow,
        expressions=getattr(module, "expressions", _none),
    )
    for module in (kafka, mq, database, service, api, airflow)
}

ENDPOINT_KINDS: dict[str, Kind] = {name: kind for name, kind in KINDS.items() if kind.needs_endpoint}
"""The kinds of which there are endpoints."""


def end_of(kind: str, options: Mapping[str, Any]) -> str:
    """Return which end of ``ENDS`` a component is."""
    return database.end_of(options) if kind == database.KIND else kind
