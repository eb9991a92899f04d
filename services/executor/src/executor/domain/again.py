"""What runs again when a person retries: the scopes, and what a change of the workflow's version means for what stays.

| scope | runs again |
|---|---|
| only | the named, and what could not run because of them |
| following | the named and everything behind them that has not still to run anyway |
| slice | everything on a way from the named to ``until``, both included |
| failed | all that failed or is parked (of the named, if any are), and what could not run because of it |

“Could not run because of them” is what lies behind them, is ``upstream_failed`` or ``cancelled`` (or ``skipped``, if something right
before it that runs again was skipped), and is not also held up by a dead connection from something that does not run again. In a run
that its time limit ended, what was cancelled by it counts as failed. Components that a new version adds run as well. Everything else
stays, byte for byte.
"""

from executor.domain.graph import Graph
from executor.domain.journal import TERMINAL, State
from executor.domain.rules import Refused

_DEAD = frozenset({"failed", "upstream_failed", "cancelled"})


def to_run_again(graph: Graph, state: State, names: tuple[str, ...], *, scope: str, until: str | None) -> set[str]:
    """Return what runs again, in the version of ``graph``; raise Refused with the way out."""
    if any(name in state.components for name in graph.undoes):
        return _compensations(graph, state, names, scope)
    _check(graph, (*names, until) if until else names)
    if (until is None) == (scope == "slice"):
        raise Refused("A slice goes from the named components to until; name both ends, and until for no other scope.")
    if scope == "failed":
        names = _failed(graph, state, names)
    elif not names:
        raise Refused("Name the components that shall run again, or choose the scope failed.")
    parts = state.components
    again = set(names)
    if until is not None:
        again = _slice(graph, names, until)
    elif scope == "following":
        again |= {name for name in graph.following(names) if name not in parts or parts[name].status != "pending"}
    else:
        _take_held(graph, state, again)
    for name in graph.order:
        if name in again and name in parts:
            _may_run_again(graph, state, name, again)
    return again | {name for name in graph.order if name not in parts}


def may_change(graph: Graph, state: State, version: int) -> None:
    """Raise Refused unless the run can go on in another version, whose graph this is."""
    if any(name in state.components for name in graph.undoes):
        raise Refused("The run's compensations have begun; they belong to its own version. Retry them without naming another.")
    for name, part in state.components.items():
        if part.status in {"running", "retrying"}:
            raise Refused(f"“{name}” is {part.status} in version {state.version}. Wait for its end before you choose another version.")
        if name not in graph.upstream and part.status != "pending":
            text = f"Version {version} has no component “{name}”, which is {part.status} in this run; its outcome would be lost."
            raise Refused(f"{text} Choose a version that has it, or start a new run.")


def _check(graph: Graph, names: tuple[str, ...]) -> None:
    for name in names:
        if name in graph.components and name not in graph.upstream:
            raise Refused(f"“{name}” compensates: it runs when the run is cancelled, and not before.")
        if name not in graph.upstream:
            raise Refused(f"The workflow has no component “{name}”. It has: {', '.join(graph.order)}.")


def _failed(graph: Graph, state: State, names: tuple[str, ...]) -> tuple[str, ...]:
    wanted = {"failed", "parked"} | ({"cancelled"} if state.status == "failed" else set())
    parts = state.components
    found = tuple(n for n in graph.order if n in parts and parts[n].status in wanted and (not names or n in names))
    if not found:
        raise Refused("Nothing of that has failed or is parked. Name the components, with the scope only or following.")
    return found


def _slice(graph: Graph, names: tuple[str, ...], until: str) -> set[str]:
    towards = graph.preceding([until]) | {until}
    for name in names:
        if name not in towards:
            raise Refused(f"There is no way from “{name}” to “{until}”. Name an end that lies behind it.")
    return (graph.following(names) | set(names)) & towards


def _take_held(graph: Graph, state: State, again: set[str]) -> None:
    """Add what could not run because of what runs again."""
    parts = state.components
    behind = graph.following(again)
    for name in graph.order:
        if name not in behind or name not in parts:
            continue
        status = parts[name].status
        held = status in {"upstream_failed", "cancelled"}
        if status == "skipped":
            held = any(up in again and up in parts and parts[up].status == "skipped" for up in graph.upstream[name])
        if held and not _blocked_by(graph, state, name, again):
            again.add(name)


def _blocked_by(graph: Graph, state: State, name: str, again: set[str]) -> str | None:
    """Return what keeps a component from starting whatever else happens: a dead connection too many."""
    parts = state.components
    dead = [up for up in graph.upstream[name] if up not in again and up in parts and parts[up].status in _DEAD]
    return dead[0] if len(dead) > len(graph.upstream[name]) - graph.needed[name] else None


def _may_run_again(graph: Graph, state: State, name: str, again: set[str]) -> None:
    parts = state.components
    status = parts[name].status
    if status == "pending":
        raise Refused(f"“{name}” has not run yet; it waits for what comes before it.")
    if status not in TERMINAL and status != "parked":
        raise Refused(f"“{name}” is {status}. Wait for its end, or cancel the run first.")
    up = _blocked_by(graph, state, name, again)
    if up is not None:
        raise Refused(f"“{name}” needs “{up}”, which is {parts[up].status}. Retry “{up}” instead, or both.")


def _compensations(graph: Graph, state: State, names: tuple[str, ...], scope: str) -> set[str]:
    """Once the compensations of a run have begun, only they can be retried: what they undid is not there any more."""
    parts = state.components
    ended = [name for name in graph.undoes if name in parts and parts[name].status in {"failed", "parked", "cancelled"}]
    again = set(names) if names else set(ended) if scope == "failed" else set()
    if not again or not again <= set(ended):
        which = f"Only these of its compensations can be retried: {', '.join(ended)}." if ended else "Start a new run instead."
        raise Refused(f"The run was cancelled, and what it had done was undone. {which}")
    return again
