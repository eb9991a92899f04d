"""What an attempt of a component does, by its kind and by what leads to it."""

from enum import Enum

from executor.application.ports import Acts, Begins, Calls, Connector, Permanent, Place, Reads, Writes, feeds_of
from shared.contracts.workflows import Connection


class Step(Enum):
    """The ways in which a component works. Those that move messages run beside the engine, never in its event loop."""

    ACT = "act"
    BEGIN = "begin"
    ONCE = "once"
    EACH = "each"
    TRANSFER = "transfer"

    @property
    def moves(self) -> bool:
        return self in {Step.EACH, Step.TRANSFER}


def step_of(connector: Connector, place: Place, sources: tuple[tuple[Connection, Place], ...], connectors: dict[str, Connector]) -> Step:
    """Return what the component does; raise Permanent when its kind can't."""
    if isinstance(connector, Acts):
        return Step.ACT
    feeds = feeds_of(sources)
    if isinstance(connector, Calls):
        readable = feeds and all(isinstance(connectors.get(source.component.kind), Reads) for _, source in feeds)
        return Step.EACH if readable and place.options.deliver == "each" else Step.ONCE
    if not feeds and isinstance(connector, Begins):
        return Step.BEGIN
    if feeds and isinstance(connector, Writes):
        return Step.TRANSFER
    raise Permanent("NotPossible", f"A component of the kind “{connector.kind}” cannot stand here.")
