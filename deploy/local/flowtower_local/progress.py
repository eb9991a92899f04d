"""Shows what is being done, what is being waited for, and how long already.

On a terminal the running step is one line that changes; elsewhere (CI, a pipe) a line is added when something changes
(at most every two seconds), and every ten seconds in any case.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_QUIET_SECONDS = 10.0
_CHANGE_SECONDS = 2.0


class Step:
    """One step that runs now. `say` tells what it waits for; `skip` says why there was nothing to do."""

    def __init__(self, title: str, out: TextIO) -> None:
        self.title = title
        self.note = ""
        self._out = out
        self._lively = out.isatty()
        self._started = time.monotonic()
        self._said = self._started
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        if self._lively:
            self._line(f"… {title}", end="")
        self._ticker.start()

    def say(self, note: str) -> None:
        with self._lock:
            changed, self.note = note != self.note, note
        if changed and note and not self._lively and time.monotonic() - self._said > _CHANGE_SECONDS:
            self._line(f"  … {self.title}: {note} ({self._elapsed()})")

    def done(self, mark: str = "✓") -> None:
        self._over.set()
        self._ticker.join()
        tail = f": {self.note}" if self.note else ""
        self._line(f"{mark} {self.title}{tail} ({self._elapsed()})")

    def _tick(self) -> None:
        while not self._over.wait(0.2 if self._lively else 1.0):
            with self._lock:
                tail = f": {self.note}" if self.note else ""
            if self._lively:
                self._line(f"… {self.title}{tail} ({self._elapsed()})", end="")
            elif time.monotonic() - self._said > _QUIET_SECONDS:
                self._line(f"  … {self.title}{tail} ({self._elapsed()})")

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._started:.0f} s"

    def _line(self, text: str, end: str = "\n") -> None:
        self._said = time.monotonic()
        with self._lock:
            self._out.write(f"\r\x1b[2K{text}{end}" if self._lively else f"{text}{end}")
            self._out.flush()


@contextmanager
def step(title: str, out: TextIO | None = None) -> Iterator[Step]:
    """Run the block as one step; it ends with a tick, or with a cross when the block raises."""
    running = Step(title, out or sys.stdout)
    try:
        yield running
    except BaseException:
        running.done("✗")
        raise
    running.done()
