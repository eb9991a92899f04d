"""Free TCP ports on the loopback address."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nobody listens on.

    All are held open at the same time while they are chosen, so that the kernel can't hand one out twice. Another
    program could take one before its user binds it; the kernel walks through the whole range first, so it is rare,
    and the part that loses the race says so with its log.
    """
    with ExitStack() as held:
        chosen = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            chosen.append(int(listener.getsockname()[1]))
        return chosen


def free_port() -> int:
    return free_ports(1)[0]


def answers(port: int, *, timeout: float = 1.0) -> bool:
    """Tell whether something accepts TCP connections on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout):
            return True
    except OSError:
        return False
