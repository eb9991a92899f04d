"""One command at a time works on a state folder; a second one is told who is at work."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TextIO

from flowtower_local.places import Places
from flowtower_local.trouble import Trouble


def one_at_a_time(places: Places) -> AbstractContextManager[None]:
    """Take the lock now; it is given back at the end of the `with` block, or by the kernel when this process dies."""
    file = places.state / "lock"
    stream = file.open("a+", encoding="ascii")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = file.read_text(encoding="ascii").strip()
        stream.close()
        raise Trouble(
            f"Another make up or make down is at work in this checkout{f' (pid {holder})' if holder else ''}.",
            "Wait until it is done.",
        ) from None
    stream.truncate(0)
    stream.write(f"{os.getpid()}\n")
    stream.flush()
    return _held(stream, file)


@contextmanager
def _held(stream: TextIO, file: Path) -> Iterator[None]:
    try:
        yield
    finally:
        file.write_text("", encoding="ascii")
        stream.close()
