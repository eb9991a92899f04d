"""The checked graph of one workflow version: what depends on what."""

from collections.abc import Iterable

from shared.contracts.workflows import Component, Connection, WorkflowDefinition


class GraphRefused(Exception):
    """The definition is no graph that can be run; the text names the place."""


class Graph:
    """A workflow version, checked once and then shared by all of its runs."""

    __slots__ = ("components", "definition", "downstream", "incoming", "order", "roots", "upstream")

    def __init__(self, definition: WorkflowDefinition) -> None:
        self.definition = definition
        self.components: dict[str, Component] = {}
        for component in definition.components:
            if component.name in self.components:
                raise GraphRefused(f"The component “{component.name}” stands twice in {definition.workflow}. Give each its own name.")
            self.components[component.name] = component
        upstream: dict[str, list[str]] = {name: [] for name in self.components}
        downstream: dict[str, list[str]] = {name: [] for name in self.components}
        incoming: dict[str, list[Connection]] = {name: [] for name in self.components}
        for connection in definition.connections:
            for end in (connection.source, connection.target):
                if end not in self.components:
                    raise GraphRefused(f"A connection of {definition.workflow} names “{end}”, which is none of its components.")
            if connection.source in upstream[connection.target]:
                raise GraphRefused(f"“{connection.source}” and “{connection.target}” are connected twice. Keep one of the connections.")
            upstream[connection.target].append(connection.source)
            downstream[connection.source].append(connection.target)
            incoming[connection.target].append(connection)
        self.upstream = {name: tuple(names) for name, names in upstream.items()}
        self.downstream = {name: tuple(names) for name, names in downstream.items()}
        self.incoming = {name: tuple(edges) for name, edges in incoming.items()}
        self.roots = tuple(name for name, names in self.upstream.items() if not names)
        self.order = self._sorted()

    def _sorted(self) -> tuple[str, ...]:
        """Return the components so that each stands behind all that it depends on; refuse a cycle."""
        missing = {name: len(names) for name, names in self.upstream.items()}
        order = [name for name in self.components if not missing[name]]
        for name in order:
            for target in self.downstream[name]:
                missing[target] -= 1
                if not missing[target]:
                    order.append(target)
        if len(order) < len(self.components):
            stuck = ", ".join(sorted(set(self.components) - set(order)))
            raise GraphRefused(f"These components wait for each other in a circle, or behind one: {stuck}. Remove a connection.")
        return tuple(order)

    def following(self, names: Iterable[str]) -> set[str]:
        """Return everything that depends on the named components, directly or not, without themselves."""
        found: set[str] = set()
        front = list(names)
        while front:
            for target in self.downstream[front.pop()]:
                if target not in found:
                    found.add(target)
                    front.append(target)
        return found
