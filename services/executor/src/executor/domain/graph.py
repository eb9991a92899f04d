"""The checked graph of one workflow version: what depends on what."""

from collections.abc import Iterable, Mapping

from executor.domain.rules import Rules
from shared.contracts.workflows import Component, Connection, WorkflowDefinition


class GraphRefused(Exception):
    """The definition is no graph that can be run; the text names the place."""


class Graph:
    """A workflow version, checked once and then shared by all of its runs.

    ``components`` are all of them; ``order`` are those that a run is made of, each behind all that it depends on. The others
    compensate: ``undoes`` is compensation → what it undoes, in the order in which they run (the last thing done is undone first).
    """

    __slots__ = (
        "components",
        "definition",
        "downstream",
        "incoming",
        "leaves",
        "needed",
        "order",
        "plain",
        "roots",
        "rules",
        "undoes",
        "upstream",
    )

    def __init__(self, definition: WorkflowDefinition, rules: Rules | None = None) -> None:
        self.definition = definition
        self.rules = rules or Rules()
        self.components: dict[str, Component] = {}
        for component in definition.components:
            if component.name in self.components:
                raise GraphRefused(f"The component “{component.name}” stands twice in {definition.workflow}. Give each its own name.")
            self.components[component.name] = component
        members = [name for name, component in self.components.items() if component.compensates is None]
        upstream: dict[str, list[str]] = {name: [] for name in members}
        downstream: dict[str, list[str]] = {name: [] for name in members}
        incoming: dict[str, list[Connection]] = {name: [] for name in members}
        for connection in definition.connections:
            for end in (connection.source, connection.target):
                if end not in self.components:
                    raise GraphRefused(f"A connection of {definition.workflow} names “{end}”, which is none of its components.")
                if end not in upstream:
                    raise GraphRefused(f"“{end}” compensates, so it has no connections. Remove the connection, or compensates:.")
            if connection.source in upstream[connection.target]:
                raise GraphRefused(f"“{connection.source}” and “{connection.target}” are connected twice. Keep one of the connections.")
            upstream[connection.target].append(connection.source)
            downstream[connection.source].append(connection.target)
            incoming[connection.target].append(connection)
        self.upstream = {name: tuple(names) for name, names in upstream.items()}
        self.downstream = {name: tuple(names) for name, names in downstream.items()}
        self.incoming = {name: tuple(edges) for name, edges in incoming.items()}
        self.roots = tuple(name for name, names in self.upstream.items() if not names)
        self.leaves = tuple(name for name, names in self.downstream.items() if not names)
        self.order = self._sorted()
        self.needed = {name: self._needed(name) for name in members}
        self.undoes = self._undoes()
        conditional = {target for _, target in self.rules.conditions}
        self.plain = frozenset(name for name in members if self.needed[name] == len(self.upstream[name]) and name not in conditional)
        """Components that simply wait for everything before them: what most are, and quick to look at."""

    def _sorted(self) -> tuple[str, ...]:
        """Return the components so that each stands behind all that it depends on; refuse a cycle."""
        missing = {name: len(names) for name, names in self.upstream.items()}
        order = [name for name in self.upstream if not missing[name]]
        for name in order:
            for target in self.downstream[name]:
                missing[target] -= 1
                if not missing[target]:
                    order.append(target)
        if len(order) < len(self.upstream):
            stuck = ", ".join(sorted(set(self.upstream) - set(order)))
            raise GraphRefused(f"These components wait for each other in a circle, or behind one: {stuck}. Remove a connection.")
        if not order:
            raise GraphRefused(f"{self.definition.workflow} has nothing but compensations. Add what they compensate.")
        return tuple(order)

    def _needed(self, name: str) -> int:
        join, there = self.components[name].join, len(self.upstream[name])
        needed = there if join == "all" else min(there, 1) if join == "any" else join
        if needed > there:
            leading = "is one" if there == 1 else f"are {there}"
            raise GraphRefused(f"“{name}” waits for {needed} connections, and there {leading}. Correct join:, or connect more.")
        return needed

    def _undoes(self) -> Mapping[str, str]:
        by: dict[str, str] = {}
        for name, component in self.components.items():
            undone = component.compensates
            if undone is None:
                continue
            if undone not in self.upstream:
                what = "compensates something itself" if undone in self.components else "is none of the components"
                raise GraphRefused(f"“{name}” compensates “{undone}”, which {what}. Name a component that runs.")
            if undone in by:
                raise GraphRefused(f"“{undone}” is compensated twice, by “{by[undone]}” and “{name}”. Keep one of them.")
            by[undone] = name
        return {by[name]: name for name in reversed(self.order) if name in by}

    def following(self, names: Iterable[str]) -> set[str]:
        """Return everything that depends on the named components, directly or not, without themselves."""
        return _reached(names, self.downstream)

    def preceding(self, names: Iterable[str]) -> set[str]:
        """Return everything that the named components depend on, directly or not, without themselves."""
        return _reached(names, self.upstream)


def _reached(names: Iterable[str], ways: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    front = list(names)
    while front:
        for name in ways[front.pop()]:
            if name not in found:
                found.add(name)
                front.append(name)
    return found
