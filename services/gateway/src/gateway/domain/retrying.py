"""What a retry would do to a run, told before anybody presses: what runs again, what stays, what is refused and why.

These are the executor's rules, on what the gateway knows of the run. The executor decides: the run may have moved on since, which
it finds by ``expected_seq``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.domain.nearest import meant

Scope = Literal["only", "following", "slice", "failed"]

HELD = frozenset({"upstream_failed", "cancelled"})
"""A component that could not run: it runs when what held it up runs again."""
UNDER_WAY = frozenset({"running", "retrying"})
BROKEN = frozenset({"failed", "parked"})
SETTLED = frozenset({"succeeded", "skipped"})


@dataclass(frozen=True)
class Graph:
    """The components of a version in the order of the document, and what leads where.

    ``compensations`` run only when a run is cancelled.
    """

    names: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    joins: Mapping[str, str | int] = field(default_factory=dict)
    compensations: frozenset[str] = frozenset()

    def behind(self, names: Iterable[str]) -> set[str]:
        """Return everything that depends on these, without themselves."""
        return _reach(names, self.edges) - set(names)

    def before(self, name: str) -> set[str]:
        """Return everything that this one depends on."""
        return _reach((name,), tuple((target, source) for source, target in self.edges)) - {name}

    def upstream(self, name: str) -> tuple[str, ...]:
        """Return what leads directly to a component."""
        return tuple(source for source, target in self.edges if target == name)

    def in_order(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return names in the order of the document."""
        wanted = set(names)
        return tuple(name for name in self.names if name in wanted)


def graph_of(definition: Mapping[str, Any]) -> Graph:
    """Return the graph of a stored definition."""
    components = definition.get("components", ())
    return Graph(
        names=tuple(item["name"] for item in components),
        edges=tuple((item["source"], item["target"]) for item in definition.get("connections", ())),
        joins={item["name"]: item.get("join") or "all" for item in components},
        compensations=frozenset(item["name"] for item in components if item.get("compensates")),
    )


@dataclass(frozen=True)
class Part:
    """Where a component stands."""

    status: str
    generation: int = 1
    held: bool = False
    """Whether its attempt waits for a limit of its endpoint."""


@dataclass(frozen=True)
class Standing:
    """Where a run stands, as far as a retry is concerned."""

    run_id: str
    workflow_id: str
    workflow: str
    status: str
    version: int | None
    seq: int
    inputs: Mapping[str, Any]
    parts: Mapping[str, Part]
    graph: Graph

    def statuses(self) -> dict[str, str]:
        """Return the statuses of its components."""
        return {name: part.status for name, part in self.parts.items()}


@dataclass(frozen=True)
class Wish:
    """What somebody wants to run again."""

    components: tuple[str, ...] = ()
    scope: Scope = "only"
    until: str | None = None


@dataclass(frozen=True)
class Refused:
    """Why it can't be done; ``field`` is the part of the wish that is meant."""

    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Preview:
    """What a retry would do. ``refused`` is empty when it can be asked."""

    again: Mapping[str, int] = field(default_factory=dict)
    """Component → its new generation, in the order of the document."""
    stays: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    succeeded_before: tuple[str, ...] = ()
    """Of those that run again, the ones whose effect stands already: it happens a second time."""
    refused: tuple[Refused, ...] = ()


def preview(run: Standing, wish: Wish, *, other: Graph | None = None) -> Preview:
    """Return what the retry would do. ``other``: the graph of the version that it shall go on with, when that is another one."""
    if run.status in ("asked", "refused"):
        why = "The run was refused and never began." if run.status == "refused" else "The executor has not begun the run yet."
        hint = "Start it again instead." if run.status == "refused" else "Wait a moment, or cancel it."
        return Preview(refused=(Refused("", why, hint),))
    graph = other or run.graph
    known = _known(run, graph, wish)
    if known:
        return Preview(refused=known)
    chosen = wish.components or graph.in_order(name for name, part in run.parts.items() if part.status in BROKEN)
    if not chosen:
        hint = "Name the components that shall run again."
        return Preview(refused=(Refused("components", f"No component of this run has failed (the run is {run.status}).", hint),))
    added = tuple(name for name in graph.names if name not in run.parts and name not in graph.compensations)
    removed = tuple(name for name in run.parts if name not in graph.names)
    again = _again(run, graph, wish, chosen) | set(added)
    refused = [
        *_beside(wish, again),
        *_moving(run, removed),
        *(item for name in graph.in_order(again) for item in _may_run(run, graph, name, again, set(added))),
    ]
    stays = graph.in_order(run.parts.keys() - again)
    return Preview(
        again={name: run.parts[name].generation + 1 if name in run.parts else 1 for name in graph.in_order(again)},
        stays=stays,
        added=added,
        removed=removed,
        succeeded_before=graph.in_order(name for name in again if name in run.parts and run.parts[name].status == "succeeded"),
        refused=tuple(refused),
    )


def _known(run: Standing, graph: Graph, wish: Wish) -> tuple[Refused, ...]:
    wrong = [
        Refused("components", f"The run has no component '{name}'.", meant(name, run.parts))
        for name in wish.components
        if name not in run.parts and name not in graph.names
    ]
    wrong += [
        Refused("version", f"The chosen version has no component '{name}'.", "Choose another version, or another component.")
        for name in wish.components
        if name in run.parts and name not in graph.names
    ]
    if wish.scope == "slice":
        if wish.until is None:
            wrong.append(Refused("until", "A slice needs its end.", "Name the last component in 'until'."))
        elif wish.until not in graph.names:
            wrong.append(Refused("until", f"The run has no component '{wish.until}'.", meant(wish.until, graph.names)))
    elif wish.until is not None:
        wrong.append(
            Refused("until", f"'until' belongs to a slice; the scope is '{wish.scope}'.", "Leave it out, or choose the scope slice.")
        )
    if not wish.components and wish.scope != "failed":
        wrong.append(Refused("components", "Nothing is named that shall run again.", "Name components, or choose the scope failed."))
    return tuple(wrong)


def _again(run: Standing, graph: Graph, wish: Wish, chosen: tuple[str, ...]) -> set[str]:
    again, behind = set(chosen), graph.behind(chosen)
    if wish.scope == "following":
        return again | behind
    if wish.scope == "slice" and wish.until is not None:
        return {name for name in again | behind if name == wish.until or name in graph.before(wish.until)}
    statuses = run.statuses()
    # In rounds, because the document need not name a component behind what it depends on.
    found = True
    while found:
        found = False
        for name in graph.in_order(behind - again):
            ready = all(up in again or statuses.get(up) in SETTLED for up in graph.upstream(name))
            if statuses.get(name) in HELD and ready:
                again.add(name)
                found = True
    return again


def _beside(wish: Wish, again: set[str]) -> list[Refused]:
    return [
        Refused("until", f"No way leads from '{name}' to '{wish.until}'.", "Choose an end behind it.")
        for name in wish.components
        if name not in again
    ]


def _moving(run: Standing, removed: tuple[str, ...]) -> list[Refused]:
    return [
        Refused("version", f"'{name}' is {run.parts[name].status}, and the chosen version has no such component.", "Wait for its end.")
        for name in removed
        if run.parts[name].status in UNDER_WAY
    ]


def _may_run(run: Standing, graph: Graph, name: str, again: set[str], added: set[str]) -> list[Refused]:
    status = "pending" if name in added else run.parts[name].status
    if status in UNDER_WAY:
        way_out = "Let its next attempt begin now" if status == "retrying" else "Wait for its end"
        return [Refused("components", f"'{name}' is {status}.", f"{way_out}, or cancel the run.")]
    if status == "pending" and name not in added:
        return [Refused("components", f"'{name}' has not run yet; it waits for what comes before it.", "Retry that instead.")]
    if graph.joins.get(name, "all") != "all":
        return []
    return [
        Refused("components", f"'{name}' needs '{up}', which is {run.parts[up].status}.", f"Retry '{up}' instead, or both.")
        for up in graph.upstream(name)
        if up not in again and up in run.parts and run.parts[up].status not in SETTLED
    ]


def _reach(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> set[str]:
    following: dict[str, list[str]] = {}
    for source, target in edges:
        following.setdefault(source, []).append(target)
    reached, ends = set(names), list(names)
    while ends:
        for target in following.get(ends.pop(), ()):
            if target not in reached:
                reached.add(target)
                ends.append(target)
    return reached
