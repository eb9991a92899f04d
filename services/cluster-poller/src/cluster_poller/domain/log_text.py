"""Bounds of a task log's answer."""

from collections.abc import Sequence

from shared.contracts.internal import LogLine

MOST_LINES = 10_000
MOST_CHARACTERS = 4_000_000


def bounded(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """Keep the end of a log that is too long, and say so in its first line: the end is where the error stands."""
    size = 0
    kept: list[LogLine] = []
    for line in reversed(lines):
        size += len(line.text) + 40
        if len(kept) >= MOST_LINES or size > MOST_CHARACTERS:
            break
        kept.append(line)
    kept.reverse()
    left_out = len(lines) - len(kept)
    if left_out:
        kept.insert(0, LogLine(level="warning", text=f"… {left_out} earlier lines are left out here; Airflow has them."))
    return tuple(kept)
