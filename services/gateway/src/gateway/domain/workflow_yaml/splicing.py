"""Keeping every line that did not change: parts that say the same are taken from the text before, to the letter.

The YAML library writes what changed; it moves comments, and loses one that stands between two items of a list.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from gateway.domain.workflow_yaml.document import Value, load
from gateway.domain.workflow_yaml.merging import identity


@dataclass(frozen=True)
class _Entry:
    """A key with its value, or an item of a list, in whole lines from ``first`` to ``last``."""

    name: Hashable
    first: int
    last: int
    value: Value


def spliced(before: str, rendered: str) -> str:
    """Return ``rendered`` with the lines of ``before`` wherever both say the same, comments in between as they were."""
    old, new = load(before)[0], load(rendered)[0]
    if old is None or new is None:
        return rendered
    olds, news = before.split("\n"), rendered.split("\n")
    lines = list(_container(old, new, olds, news, 1, len(olds)))
    text = "\n".join(lines)
    again, problems = load(text)
    return text if again is not None and not problems and again.plain() == new.plain() else rendered


def _container(old: Value, new: Value, olds: list[str], news: list[str], begin: int, end: int) -> Iterator[str]:
    """Yield the lines of a mapping or a list; those of the text before reach from ``begin`` to ``end``, from 1, both included."""
    found = {entry.name: entry for entry in _entries(old)}
    between: dict[Hashable, list[str]] = {}
    at = begin
    for entry in _entries(old):
        between[entry.name] = olds[at - 1 : entry.first - 1]
        at = entry.last + 1
    kept = {entry.name for entry in _entries(new)}
    left = [line for name, lines in between.items() if name not in kept for line in lines]
    waiting = {name: lines for name, lines in between.items() if name in kept}
    for entry in _entries(new):
        yield from waiting.pop(entry.name, ())
        same = found.get(entry.name)
        if same is None:
            yield from news[entry.first - 1 : entry.last]
        elif same.value.plain() == entry.value.plain():
            yield from olds[same.first - 1 : same.last]
        elif _splits(same) and _splits(entry) and isinstance(same.value.data, dict) == isinstance(entry.value.data, dict):
            yield olds[same.first - 1]
            yield from _container(same.value, entry.value, olds, news, same.first + 1, same.last)
        else:
            yield from news[entry.first - 1 : entry.last]
    yield from left
    yield from olds[at - 1 : end]


def _entries(value: Value) -> list[_Entry]:
    if isinstance(value.data, dict):
        return [_Entry(key, value.at(key)[0], item.last, item) for key, item in value.data.items()]
    if isinstance(value.data, list):
        return [_Entry((place, identity(item.plain())), item.line, item.last, item) for place, item in _numbered(value.data)]
    return []


def _numbered(items: list[Value]) -> list[tuple[int, Value]]:
    """Number those that go by the same name, so that each has a name of its own."""
    seen: dict[Hashable, int] = {}
    found = []
    for item in items:
        name = identity(item.plain())
        seen[name] = seen.get(name, -1) + 1
        found.append((seen[name], item))
    return found


def _splits(entry: _Entry) -> bool:
    """Whether its parts stand in lines of their own below the line of the key."""
    below = _entries(entry.value)
    return entry.value.block and bool(below) and below[0].first > entry.first and isinstance(entry.name, str)
