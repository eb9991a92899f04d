"""What a graph must be: joined only where things can be joined, and without a cycle."""

from collections.abc import Iterable, Mapping

from shared.contracts.kinds import JOINS, KINDS, join_between


def find_cycle(edges: Iterable[tuple[str, str]]) -> list[str] | None:
    """Return the names along one cycle, first one repeated at the end, or None. Iterative: depth is bounded by nothing."""
    following: dict[str, list[str]] = {}
    for source, target in edges:
        following.setdefault(source, []).append(target)
    done: set[str] = set()
    for start in following:
        if start in done:
            continue
        way: list[str] = [start]
        on_way = {start}
        branches = [iter(following.get(start, ()))]
        while branches:
            step = next(branches[-1], None)
            if step is None:
                branches.pop()
                left = way.pop()
                on_way.discard(left)
                done.add(left)
            elif step in on_way:
                return [*way[way.index(step) :], step]
            elif step not in done:
                way.append(step)
                on_way.add(step)
                branches.append(iter(following.get(step, ())))
    return None


def could_join(source: str, target: str) -> str:
    """Say in words which connection joins two kinds, or what else could follow the source."""
    join = join_between(source, target)
    if join is not None:
        return f"A {source} and a {target} are joined by '{join.name}'."
    after = _partners(source, forward=True)
    before = _partners(target, forward=False)
    follow = f"After a {source} can come: {after}." if after else f"Nothing can come after a {source}."
    precede = f" Before a {target} can come: {before}." if before else f" Nothing can come before a {target}."
    return follow + precede


def _partners(kind: str, *, forward: bool) -> str:
    found: Mapping[str, str] = {
        (pair[1] if forward else pair[0]): join.name for join in JOINS.values() for pair in join.pairs if pair[0 if forward else 1] == kind
    }
    return ", ".join(f"{name} ({found[name]})" for name in sorted(found) if name in KINDS)
