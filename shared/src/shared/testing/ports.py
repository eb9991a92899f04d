"""Free TCP ports for the parts of tests."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_FIRST, _LAST = 15_000, 32_000
"""Below what Linux gives to outgoing connections by itself (32768 to 60999 by default, net.ipv4.ip_local_port_range): there any
connection of any program may sit on a port between its choice and the moment in which its part listens."""

_random = random.SystemRandom()  # a test may have seeded the other one
_held: list[int] = []


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports that nobody listens on, and that no other process of tests is given while this one lives.

    Raises OSError when there are not so many.
    """
    chosen: list[int] = []
    for _ in range(_LAST - _FIRST):
        if len(chosen) == count:
            return chosen
        port = _random.randrange(_FIRST, _LAST)
        if _is_free(port) and _reserved(port):
            chosen.append(port)
    raise OSError(f"there are not {count} free ports between {_FIRST} and {_LAST}")


def free_port() -> int:
    return free_ports(1)[0]


def answers(port: int, *, timeout: float = 1.0) -> bool:
    """Tell whether something accepts TCP connections on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout):
            return True
    except OSError:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _reserved(port: int) -> bool:
    """Reserve a port among the processes of tests: a lock on its file, which ends with this process however that ends."""
    folder = Path(tempfile.gettempdir()) / f"flowtower-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    file = os.open(folder / str(port), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return False
    _held.append(file)
    return True
