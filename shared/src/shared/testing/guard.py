"""The process that outlives a test session for a moment and ends what the session started.

It reads lines from its standard input, which the session holds open: ``+PID`` (this one is ours), ``-PID`` (it has
ended), ``/PATH`` (a folder to remove). When the input ends, however the session died, it kills every process that is
still registered together with its descendants, and removes the folders. It is run as a plain script and uses nothing
but the standard library, so that it starts in a few milliseconds and can't fail for lack of a package.
"""

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path


def started_at(pid: int) -> str | None:
    """Return the start time of a process in clock ticks (field 22 of its stat line): it makes the id unmistakable."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def parents() -> dict[int, int]:
    """Return the parent's id of every process that can be seen now."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def descendants(pid: int) -> list[int]:
    """Return every process below one, nearest first; a child in a session of its own counts too."""
    parent_of = parents()
    found = [pid]
    for member in found:
        found.extend(child for child, parent in parent_of.items() if parent == member)
    return found[1:]


def family(pid: int) -> dict[int, str | None]:
    """Return a process and its descendants with the start time of each."""
    return {member: started_at(member) for member in [pid, *descendants(pid)]}


def kill(members: dict[int, str | None]) -> None:
    """Kill those of the given processes that still are the ones they were."""
    for pid, start in members.items():
        if start is not None and started_at(pid) == start:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ours: dict[int, str | None] = {}
    folders: list[str] = []
    for line in sys.stdin:
        kind, rest = line[0], line[1:].strip()
        if kind == "+":
            ours[int(rest)] = started_at(int(rest))
        elif kind == "-":
            ours.pop(int(rest), None)
        elif kind == "/":
            folders.append("/" + rest)
    for pid, start in reversed(ours.items()):
        if start is not None and started_at(pid) == start:
            kill(family(pid))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
