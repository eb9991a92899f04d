"""What a graph must be: joined only where things can be joined, and without a cycle."""

from collections.abc import Iterable, Mapping, Sequence

from shared.contracts.kinds import ENDS, JOINS


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
    """Say in words which connections join two ends, and where messages of the source could go instead."""
    names = [join.name for join in JOINS.values() if (source, target) in join.pairs]
    if not names:
        return f"Known are: {', '.join(ENDS)}."
    text = f"A {source} and a {target} are joined by {_or(names)}."
    if JOINS[names[0]].data:
        return text
    after = _partners(source, forward=True)
    before = _partners(target, forward=False)
    follow = f" Messages of a {source} can go to: {after}." if after else f" A {source} holds no messages that could go on."
    precede = f" Messages for a {target} can come from: {before}." if before else f" A {target} takes no messages."
    return text + follow + precede


def _or(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _partners(end: str, *, forward: bool) -> str:
    found: Mapping[str, str] = {
        (pair[1] if forward else pair[0]): join.name
        for join in JOINS.values()
        if join.data
        for pair in join.pairs
        if pair[0 if forward else 1] == end
    }
    return ", ".join(f"{name} ({found[name]})" for name in sorted(found))
