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
DEAD = frozenset({"failed", "upstream_failed", "cancelled"})
"""What leads to nothing."""
UNDER_WAY = frozenset({"running", "retrying"})
BROKEN = frozenset({"failed", "parked"})


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

    def needed(self, name: str) -> int:
        """Return how many of its connections must be true before a component starts."""
        join, leading = self.joins.get(name, "all"), len(self.upstream(name))
        return {"all": leading, "any": min(1, leading)}.get(str(join), join if isinstance(join, int) else 0)

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
    held: str = ""
    """The limit of its endpoint that its attempt waits for."""


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
    gone: bool = False
    """Whether the executor has said that it has forgotten the run."""

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
    chosen: tuple[str, ...] = ()
    """Where it begins: what was named, or what failed."""
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
    if run.gone:
        why = "The executor keeps this run no longer, so nothing of it can run again."
        return Preview(refused=(Refused("", why, "Start a new run with the same inputs instead."),))
    graph = other or run.graph
    if graph.compensations & run.parts.keys():
        return _of_compensations(run, graph, wish, other)
    wrong = _wrong(run, graph, wish)
    if wrong:
        return Preview(refused=wrong)
    chosen = _broken(run, graph, wish.components) if wish.scope == "failed" else wish.components
    if not chosen:
        hint = "Name the components that shall run again."
        return Preview(refused=(Refused("components", f"No component of this run has failed (the run is {run.status}).", hint),))
    added = tuple(name for name in graph.names if name not in run.parts and name not in graph.compensations)
    removed = tuple(name for name in run.parts if name not in graph.names)
    again = _again(run, graph, wish, chosen)
    refused = [*_beside(wish, again), *(_between_versions(run, removed) if other else ())]
    for name in graph.in_order(again & run.parts.keys()):
        refused += _may_run(run, graph, name, again)
    again |= set(added)
    return _told(run, graph, again, tuple(refused), chosen=chosen, added=added, removed=removed)


def _told(
    run: Standing,
    graph: Graph,
    again: set[str],
    refused: tuple[Refused, ...],
    *,
    chosen: tuple[str, ...],
    added: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
) -> Preview:
    return Preview(
        again={name: run.parts[name].generation + 1 if name in run.parts else 1 for name in graph.in_order(again)},
        chosen=chosen,
        stays=graph.in_order(run.parts.keys() - again),
        added=added,
        removed=removed,
        succeeded_before=graph.in_order(name for name in again if name in run.parts and run.parts[name].status == "succeeded"),
        refused=refused,
    )


def _of_compensations(run: Standing, graph: Graph, wish: Wish, other: Graph | None) -> Preview:
    """Once the compensations of a run have begun, only they can be retried: what they undid is not there any more."""
    if other is not None:
        text = "The run's compensations have begun; they belong to its own version."
        return Preview(refused=(Refused("version", text, "Retry them without another version."),))
    ended = graph.in_order(n for n in graph.compensations & run.parts.keys() if run.parts[n].status in ("failed", "parked", "cancelled"))
    again = set(wish.components) or (set(ended) if wish.scope == "failed" else set())
    if not again or not again <= set(ended):
        hint = f"Only these of its compensations can be retried: {', '.join(ended)}." if ended else "Start a new run instead."
        return Preview(refused=(Refused("components", "The run was cancelled, and what it had done was undone.", hint),))
    return _told(run, graph, again, (), chosen=graph.in_order(again))


def _wrong(run: Standing, graph: Graph, wish: Wish) -> tuple[Refused, ...]:
    wrong = []
    for name in wish.components:
        if name in graph.compensations:
            wrong.append(Refused("components", f"'{name}' compensates: it runs when the run is cancelled.", "Name another component."))
        elif name not in graph.names and name in run.parts:
            wrong.append(Refused("version", f"The chosen version has no component '{name}'.", "Choose another version, or component."))
        elif name not in graph.names:
            wrong.append(Refused("components", f"The run has no component '{name}'.", meant(name, run.parts)))
    if wish.scope == "slice" and wish.until is None:
        wrong.append(Refused("until", "A slice needs its end.", "Name the last component in 'until'."))
    elif wish.scope == "slice" and wish.until not in graph.names:
        wrong.append(Refused("until", f"The run has no component '{wish.until}'.", meant(wish.until or "", graph.names)))
    elif wish.scope != "slice" and wish.until is not None:
        wrong.append(Refused("until", f"'until' belongs to a slice; the scope is '{wish.scope}'.", "Leave it out, or choose a slice."))
    if not wish.components and wish.scope != "failed":
        wrong.append(Refused("components", "Nothing is named that shall run again.", "Name components, or choose all that failed."))
    return tuple(wrong)


def _broken(run: Standing, graph: Graph, named: tuple[str, ...]) -> tuple[str, ...]:
    """Return what failed or is parked. In a run that its time limit ended, what was cancelled by it counts as failed."""
    wanted = BROKEN | ({"cancelled"} if run.status == "failed" else set())
    return graph.in_order(name for name, part in run.parts.items() if part.status in wanted and (not named or name in named))


def _again(run: Standing, graph: Graph, wish: Wish, chosen: tuple[str, ...]) -> set[str]:
    again, behind = set(chosen), graph.behind(chosen)
    if wish.scope == "slice" and wish.until is not None:
        return {name for name in again | behind if name == wish.until or name in graph.before(wish.until)}
    statuses = run.statuses()
    if wish.scope == "following":
        return again | {name for name in behind if statuses.get(name) != "pending"}
    # In rounds, because the document need not name a component behind what it depends on.
    found = True
    while found:
        found = False
        for name in graph.in_order(behind - again):
            if _is_held(graph, statuses, name, again) and not _blocked_by(graph, statuses, name, again):
                again.add(name)
                found = True
    return again


def _is_held(graph: Graph, statuses: Mapping[str, str], name: str, again: set[str]) -> bool:
    if statuses.get(name) == "skipped":
        return any(up in again and statuses.get(up) == "skipped" for up in graph.upstream(name))
    return statuses.get(name) in HELD


def _blocked_by(graph: Graph, statuses: Mapping[str, str], name: str, again: set[str]) -> str | None:
    """Return what keeps a component from starting whatever else happens: a dead connection too many."""
    upstream = graph.upstream(name)
    dead = [up for up in upstream if up not in again and statuses.get(up) in DEAD]
    return dead[0] if len(dead) > len(upstream) - graph.needed(name) else None


def _beside(wish: Wish, again: set[str]) -> list[Refused]:
    return [
        Refused("until", f"No way leads from '{name}' to '{wish.until}'.", "Choose an end behind it.")
        for name in wish.components
        if wish.scope == "slice" and name not in again
    ]


def _between_versions(run: Standing, removed: tuple[str, ...]) -> list[Refused]:
    found = [
        Refused("version", f"'{name}' is {part.status} in version {run.version}.", "Wait for its end before you choose another version.")
        for name, part in run.parts.items()
        if part.status in UNDER_WAY
    ]
    lost = [name for name in removed if run.parts[name].status not in UNDER_WAY | {"pending"}]
    return found + [
        Refused(
            "version",
            f"The chosen version has no component '{name}', which is {run.parts[name].status}; its outcome would be lost.",
            "Choose a version that has it, or start a new run.",
        )
        for name in lost
    ]


def _may_run(run: Standing, graph: Graph, name: str, again: set[str]) -> list[Refused]:
    status = run.parts[name].status
    if status in UNDER_WAY:
        way_out = "Let its next attempt begin now" if status == "retrying" else "Wait for its end"
        return [Refused("components", f"'{name}' is {status}.", f"{way_out}, or cancel the run.")]
    if status == "pending":
        return [Refused("components", f"'{name}' has not run yet; it waits for what comes before it.", "Retry that instead.")]
    up = _blocked_by(graph, run.statuses(), name, again)
    if up is not None:
        return [Refused("components", f"'{name}' needs '{up}', which is {run.parts[up].status}.", f"Retry '{up}' instead, or both.")]
    return []


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
