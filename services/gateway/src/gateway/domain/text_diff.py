"""Two texts side by side, line by line, with what did not change left out; pure and of bounded cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

CONTEXT = 3
"""Lines shown around a change."""
MOST_COMPARED = 5_000
"""Where more lines than these differ, they are shown as replaced: finding what moved would take too long."""
MOST_ROWS = 2_000


@dataclass(frozen=True)
class Row:
    """A line of both texts. A side that has none is None; ``gap`` stands for ``skipped`` lines that are the same."""

    kind: Literal["same", "added", "removed", "changed", "gap"]
    before: int | None = None
    after: int | None = None
    before_text: str = ""
    after_text: str = ""
    skipped: int = 0


@dataclass(frozen=True)
class TextDiff:
    """Rows in order. ``cut``: there are more than are shown. ``added`` and ``removed`` count lines of the whole."""

    rows: tuple[Row, ...]
    added: int
    removed: int
    cut: bool


def diff(before: str, after: str) -> TextDiff:
    """Compare two texts. Line numbers count from 1."""
    old, new = before.splitlines(), after.splitlines()
    rows, added, removed = [], 0, 0
    for kind, a1, a2, b1, b2 in _blocks(old, new):
        if kind == "equal":
            rows += list(_same(old, a1, a2, b1, at_start=a1 == 0, at_end=a2 == len(old) and b2 == len(new)))
            continue
        added += b2 - b1
        removed += a2 - a1
        if len(rows) <= MOST_ROWS:
            rows += [_differs(old, new, a1 + step, a2, b1 + step, b2) for step in range(max(a2 - a1, b2 - b1))]
    if not added and not removed:
        rows = []
    return TextDiff(tuple(rows[:MOST_ROWS]), added, removed, len(rows) > MOST_ROWS)


def _blocks(old: list[str], new: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Return what is equal and what is not, as (kind, from, to, from, to), after setting aside both ends that are the same."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head:
        yield "equal", 0, head, 0, head
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(middle_old), len(middle_new)) > MOST_COMPARED:
        yield "replace", head, len(old) - tail, head, len(new) - tail
    else:
        for kind, a1, a2, b1, b2 in SequenceMatcher(None, middle_old, middle_new).get_opcodes():
            yield kind, a1 + head, a2 + head, b1 + head, b2 + head
    if tail:
        yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)


def _same(old: list[str], a1: int, a2: int, b1: int, *, at_start: bool, at_end: bool) -> Iterator[Row]:
    first, last = (0 if at_start else CONTEXT), (0 if at_end else CONTEXT)
    hidden = (a2 - a1) - first - last
    for place in range(a1, a2):
        step = place - a1
        if hidden > 1 and first <= step < first + hidden:
            if step == first:
                yield Row("gap", skipped=hidden)
            continue
        yield Row("same", place + 1, b1 + step + 1, old[place], old[place])


def _differs(old: list[str], new: list[str], a: int, a2: int, b: int, b2: int) -> Row:
    if a >= a2:
        return Row("added", None, b + 1, "", new[b])
    if b >= b2:
        return Row("removed", a + 1, None, old[a], "")
    return Row("changed", a + 1, b + 1, old[a], new[b])
