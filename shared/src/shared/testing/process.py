"""One real program as a private local process: started, waited for, stopped for sure.

Each part runs in a session of its own with its log in a file. The guard (`guard.py`) ends it when the test session
dies without being able to, for example by kill -9.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from shared.testing import guard
from shared.testing.wait import wait_until

TAIL_LINES = 30


class PartFailed(RuntimeError):
    """A real part could not be started or stopped; the message holds the end of its log or names what is missing."""


class Guard:
    """The session's end of the pipe to the guard process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        atexit.register(self.close)

    def tell(self, line: str) -> None:
        if self._process.stdin is None or self._process.poll() is not None:
            raise PartFailed("the guard that ends left-over test processes has died; start the test session again")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


@cache
def the_guard() -> Guard:
    return Guard()


def scratch_folder(name: str) -> Path:
    """Make a folder for one part of this session; it is removed with the session.

    It lies in the system's temporary folder, because a part that gives up root must be able to reach it and socket
    paths must stay short.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"flowtower-{name}-"))
    folder.chmod(0o755)
    the_guard().tell(str(folder))
    return folder


def find_program(name: str, *, package: str, also: Sequence[str] = ()) -> str:
    """Return the path of an installed program, or fail naming the Debian package that brings it."""
    for candidate in (*also, name):
        if found := shutil.which(candidate):
            return found
    raise PartFailed(f"{name} is not installed; install it with: apt-get install -y --no-install-recommends {package}")


class PartProcess:
    """A program that a test needs, with a life of its own: start, stop, kill, start again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_within: float = 20.0,
    ) -> None:
        self.name = name
        self.command = [str(word) for word in command]
        self.folder = folder
        self.env = dict(os.environ if env is None else env)
        self.log_path = folder / f"{name}.log"
        self._user = user
        self._stop_signal = stop_signal
        self._stop_within = stop_within
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise PartFailed(f"{self.name} has not been started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the program ended, None while it runs or has never run."""
        return None if self._process is None else self._process.poll()

    def log_tail(self, lines: int = TAIL_LINES) -> str:
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"

    def launch(self) -> None:
        """Start the program and return at once."""
        if self.running:
            raise PartFailed(f"{self.name} runs already (process {self.pid})")
        watch = the_guard()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self.env,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
        watch.tell(f"+{self.pid}")

    def start(self, ready: Callable[[], bool], *, within: float) -> None:
        """Start the program and wait until `ready` says yes.

        Raises:
            PartFailed: It ended by itself or was not ready `within` seconds; its log's end is in the message.
        """
        self.launch()
        in_time = wait_until(lambda: not self.running or ready(), within=within)
        if not self.running:
            raise PartFailed(f"{self.name} ended with code {self.exit_code} at its start; its log ends:\n{self.log_tail()}")
        if not in_time:
            tail = self.log_tail()
            self.kill()
            raise PartFailed(f"{self.name} was not ready within {within:g} s; its log ends:\n{tail}")

    def stop(self) -> None:
        """Ask the program to end, and after its time is up, kill what is left of it and its descendants."""
        if self._process is None:
            return
        members = guard.family(self.pid)
        if self.running:
            self._process.send_signal(self._stop_signal)
            wait_until(lambda: not self.running, within=self._stop_within)
        self._bury(members)

    def kill(self) -> None:
        """End the program the hard way (SIGKILL), with everything that it started."""
        if self._process is not None:
            self._bury(guard.family(self.pid))

    def _bury(self, members: dict[int, str | None]) -> None:
        if self._process is None:
            return
        guard.kill(members)
        self._process.wait()
        the_guard().tell(f"-{self.pid}")
        self._process = None
