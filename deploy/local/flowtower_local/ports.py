"""Is a port free, and if not, who has it? Needed before anything is started, so that the message can say what to change."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from flowtower_local.settings import SERVICES, Port
from flowtower_local.trouble import Trouble

_LISTEN = "0A"  # the state column of /proc/net/tcp


def is_free(host: str, number: int) -> bool:
    """Can we listen there? SO_REUSEADDR as servers set it, so that a connection that is only closing does not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError:
            return False
    return True


def refuse_taken(host: str, wanted: Iterable[Port]) -> None:
    """Raise one `Trouble` that lists every port that somebody else has."""
    taken = [port for port in wanted if not is_free(host if port.part in SERVICES else "127.0.0.1", port.number)]
    if not taken:
        return
    lines = []
    for port in taken:
        holder = holder_of(port.number)
        by = f" by {holder}" if holder else ""
        lines.append(f"Port {port.number}, which {port.part} needs, is taken{by}. Another one: {port.variable}={port.number + 1000}")
    raise Trouble("\n".join(lines), "Stop what listens there, or set the variable (in the environment or in .env) and run make up again.")


def holder_of(number: int) -> str | None:
    """The process that listens on the port, as 'name (pid 1234)'; None where that cannot be seen."""
    inodes = _listening_inodes(number)
    if inodes:
        for pid, inode in _sockets():
            if inode in inodes:
                return f"{_name(pid)} (pid {pid})"
        return None
    return _by_lsof(number)


def _listening_inodes(number: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == _LISTEN and int(columns[1].rsplit(":", 1)[1], 16) == number:
                found.add(columns[9])
    return found


def _sockets() -> Iterable[tuple[int, str]]:
    """Every (process, inode of a socket that it holds) that we may see."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        for target in _open_files(entry / "fd"):
            if match := re.fullmatch(r"socket:\[(\d+)\]", target):
                yield int(entry.name), match[1]


def _open_files(folder: Path) -> Iterable[str]:
    try:
        links = list(folder.iterdir())
    except OSError:
        return  # another person's process, or gone meanwhile
    for link in links:
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(link)  # noqa: PTH115 - the text, not a path


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process"


def _by_lsof(number: int) -> str | None:
    """Machines without /proc."""
    if shutil.which("lsof") is None:
        return None
    asked = subprocess.run(
        ["lsof", "-nP", f"-iTCP:{number}", "-sTCP:LISTEN", "-Fpc"], capture_output=True, text=True, check=False, timeout=20
    )
    fields = {line[0]: line[1:] for line in asked.stdout.splitlines() if line}
    return f"{fields['c']} (pid {fields['p']})" if {"c", "p"} <= fields.keys() else None
