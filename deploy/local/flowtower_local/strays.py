"""Processes of ours that nobody watches any more: what a supervisor leaves behind that was killed with -9.

Everything that `make up` starts carries the path of its state folder in one environment variable, so its processes are
found by that mark, never by a name, and nothing of anybody else can be hit.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowtower_local.trouble import Trouble

MARK = "FLOWTOWER_LOCAL_STATE"


@dataclass(frozen=True)
class Stray:
    """A process that carries our mark."""

    pid: int
    parent: int
    words: str

    @property
    def name(self) -> str:
        return Path(self.words.split(" ", 1)[0]).name if self.words else f"pid {self.pid}"


def find(state: Path) -> list[Stray]:
    """All processes that carry the mark of this state folder, whoever their parent is."""
    wanted = f"{MARK}={state}".encode()
    proc = Path("/proc")
    if not (proc / "self" / "environ").exists():
        return _find_by_ps(state)
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            parent = int((entry / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue  # gone meanwhile, or not ours to read
        if words:  # a zombie has none: it has ended and only waits for its parent
            found.append(Stray(int(entry.name), parent, words))
    return found


def _find_by_ps(state: Path) -> list[Stray]:
    """Machines without /proc: ps prints the environment of our own processes behind the command."""
    listed = subprocess.run(["ps", "-axwwE", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=False)
    found = []
    for line in listed.stdout.splitlines():
        columns = line.split(None, 2)
        if len(columns) == 3 and f" {MARK}={state}" in columns[2] and int(columns[0]) != os.getpid():
            found.append(Stray(int(columns[0]), int(columns[1]), columns[2]))
    return found


def end(
    state: Path,
    *,
    postmaster: int | None = None,
    patience_seconds: float = 20.0,
    say: Callable[[str], None] = lambda _text: None,
) -> list[Stray]:
    """Ask every stray to stop, wait, and kill what is left. Returns those that were found.

    A supervisor that lost its socket is the parent of the others, so it goes first and takes them along. PostgreSQL's
    polite signal waits for its clients; its fast one, SIGINT, does not.
    """
    strays = find(state)
    if not strays:
        return []
    asked: set[int] = set()
    begun = time.monotonic()
    left = strays
    while left:
        waited = time.monotonic() - begun
        if waited > patience_seconds + 5:
            raise Trouble(f"These processes do not end: {', '.join(f'{one.name} (pid {one.pid})' for one in left)}.")
        # Whose parent is one of ours is its parent's business, until that has ended.
        pids = {one.pid for one in left}
        heads = [one for one in left if one.parent not in pids and one.pid not in asked]
        for one in heads if waited < patience_seconds else left:
            polite = signal.SIGINT if one.pid == postmaster else signal.SIGTERM
            _signal(one.pid, polite if waited < patience_seconds else signal.SIGKILL)
            asked.add(one.pid)
        say(f"waiting for {', '.join(sorted({one.name for one in left}))} to end")
        time.sleep(0.1)
        left = find(state)
    return strays


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
