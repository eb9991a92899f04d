"""The supervisor: supervisord, with a configuration that is written from the programs, spoken to over its unix socket."""

import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowtower_local.places import Places
from flowtower_local.programs import Program
from flowtower_local.strays import MARK
from flowtower_local.trouble import Trouble

_SOCKET_PATH_LIMIT = 100  # the kernel takes 107 bytes; supervisord adds its pid while it binds
_LOG_BYTES = "10MB"
_LONGEST_STOP_SECONDS = 60
_NOT_INHERITED = ("FLOWTOWER_", "PG", "PYTHON", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "KAFKA_", "MAKE", "MFLAGS")


@dataclass(frozen=True)
class ProgramState:
    """What the supervisor says of one program."""

    name: str
    state: str
    pid: int
    since: float
    why: str

    @property
    def is_running(self) -> bool:
        return self.state == "RUNNING"

    @property
    def has_given_up(self) -> bool:
        return self.state in {"FATAL", "EXITED", "UNKNOWN"}


class Supervisor:
    """One supervisord for one state folder."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._socket = places.supervisor / "supervisor.sock"
        self._configuration = places.supervisor / "supervisord.conf"
        self.log = places.logs / "supervisord.log"

    def write_configuration(self, programs: Sequence[Program]) -> None:
        """The file holds passwords (the database's address), so only we may read it."""
        if len(str(self._socket)) > _SOCKET_PATH_LIMIT:
            raise Trouble(
                f"The path of this checkout is too long for a unix socket ({self._socket}).",
                f"Move the checkout so that its path has at most {_SOCKET_PATH_LIMIT - 38} characters.",
            )
        text = "\n".join([self._head(), *(_section(program, self._places.logs) for program in programs)])
        fresh = self._configuration.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
        fresh.replace(self._configuration)

    def _head(self) -> str:
        user = "user=root\n" if os.geteuid() == 0 else ""
        return (
            f"[unix_http_server]\nfile={_literal(str(self._socket))}\nchmod=0600\n\n"
            f"[supervisord]\nnodaemon=false\n{user}"
            f"logfile={_literal(str(self.log))}\nlogfile_maxbytes={_LOG_BYTES}\nlogfile_backups=1\n"
            f"pidfile={_literal(str(self._places.supervisor / 'supervisord.pid'))}\n"
            f"childlogdir={_literal(str(self._places.logs))}\nminfds=1024\n\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
        )

    @contextmanager
    def _rpc(self) -> Iterator[Any]:
        """Its own namespace of the XML-RPC interface; calls on it are what supervisorctl does."""
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(self._socket)) as proxy:
                yield proxy.supervisor
        except xmlrpc.client.Fault as refused:
            raise Trouble(f"The supervisor refuses: {refused.faultString}", f"Its own log: {self.log}") from refused

    def is_alive(self) -> bool:
        try:
            with self._rpc() as rpc:
                return bool(rpc.getState()["statename"] == "RUNNING")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error, Trouble):
            return False

    def start(self) -> None:
        """Start it; it leaves this terminal by itself, and starts its programs in their order."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        inherited |= {MARK: str(self._places.state), "PYTHONWARNINGS": "ignore"}
        with (self._places.logs / "supervisord.out").open("w+", encoding="utf-8") as out:
            # No pipes: its programs would hold them open, and we would wait for ever.
            started = subprocess.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=60,
                cwd=self._places.state,
                env=inherited,
            )
            out.seek(0)
            said = out.read().strip()
        until = time.monotonic() + 20
        while not self.is_alive():
            if started.returncode != 0 or time.monotonic() > until:
                raise Trouble(f"The supervisor does not start: {said[-600:] or f'see {self.log}'}")
            time.sleep(0.05)

    def update(self) -> list[str]:
        """Make the running supervisor follow the written configuration; returns what was (re)started or ended.

        A program whose section did not change goes on untouched; one that had given up gets another chance.
        """
        with self._rpc() as rpc:
            added, changed, removed = rpc.reloadConfig()[0]
            self._ask_to_stop(rpc, [*changed, *removed])
            self._wait_for_end({*changed, *removed})
            for name in [*changed, *removed]:
                rpc.removeProcessGroup(name)
            for name in [*added, *changed]:
                rpc.addProcessGroup(name)
            revived = [one.name for one in self.states() if one.has_given_up or one.state == "STOPPED"]
            revived = [name for name in revived if name not in {*added, *changed}]
            for name in revived:
                rpc.startProcess(name, False)
        return [*added, *changed, *removed, *revived]

    def _wait_for_end(self, names: set[str]) -> None:
        """Programs that stop: supervisord kills one that takes longer than its own patience, so this ends."""
        until = time.monotonic() + _LONGEST_STOP_SECONDS
        while left := [one for one in self.states() if one.name in names and one.pid]:
            if time.monotonic() > until:
                raise Trouble(f"{', '.join(one.name for one in left)} does not stop.", "make down ends it the hard way.")
            time.sleep(0.1)

    def states(self) -> list[ProgramState]:
        with self._rpc() as rpc:
            told = rpc.getAllProcessInfo()
        return [
            ProgramState(
                name=str(info["name"]),
                state=str(info["statename"]),
                pid=int(info["pid"]),
                since=float(info["start"] if info["statename"] in {"RUNNING", "STARTING"} else info["stop"]),
                why=str(info["spawnerr"]),
            )
            for info in told
        ]

    def shut_down(self) -> None:
        """Ask it to stop its programs and then itself. Returns at once.

        Services finish what they do together, while PostgreSQL and Kafka still run; those two are stopped behind them.
        """
        with self._rpc() as rpc:
            self._ask_to_stop(rpc, [one.name for one in self.states() if one.name not in {"postgres", "kafka"}])
            rpc.shutdown()

    @staticmethod
    def _ask_to_stop(rpc: Any, names: Sequence[str]) -> None:
        """Send each its signal now, so that they stop at the same time and not one after the other."""
        for name in names:
            with suppress(xmlrpc.client.Fault):  # it does not run, or not any more
                rpc.stopProcess(name, False)


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over the socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._kept: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Called at the end of the proxy, and before a request is tried again."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        if self._kept is not None:
            return self._kept
        connection = http.client.HTTPConnection(str(host), timeout=60)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        channel.settimeout(60)
        try:
            channel.connect(str(self._path))
        except OSError:
            channel.close()
            raise
        connection.sock = channel
        self._kept = connection
        return connection


def _section(program: Program, logs: Path) -> str:
    lines = [
        f"[program:{program.name}]",
        f"command={_literal(shlex.join(program.command))}",
        f"directory={_literal(str(program.folder))}",
        f"environment={_environment(program.environment)}",
        f"priority={program.priority}",
        "autostart=true",
        "autorestart=true",
        "startsecs=2",
        "startretries=4",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_seconds}",
        "stopasgroup=false",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_literal(str(logs / program.name))}.log",
        f"stdout_logfile_maxbytes={_LOG_BYTES}",
        "stdout_logfile_backups=2",
    ]
    if program.account:
        lines.append(f"user={program.account}")
    return "\n".join(lines) + "\n"


def _environment(values: Mapping[str, str]) -> str:
    return ",".join(f"{name}={_quoted(name, value)}" for name, value in sorted(values.items()))


def _quoted(name: str, value: str) -> str:
    """Supervisord's list of variables knows two quotes and no escapes, and strips quotes from both ends."""
    quote = "'" if '"' in value else '"'
    if quote in value or value[:1] in {"'", '"'} or value[-1:] in {"'", '"'}:
        raise Trouble(
            f"The value of {name} mixes quotes in a way that the supervisor's configuration cannot carry.",
            "Write it without quotes at its ends, and with one kind of quotes inside.",
        )
    return f"{quote}{_literal(value)}{quote}"


def _literal(value: str) -> str:
    """A per cent sign would start an expansion; a comment sign behind a space would end the value."""
    if "\n" in value or " #" in value or " ;" in value:
        raise Trouble(f"A setting or path holds a line break, ' #' or ' ;', which supervisord cannot carry: {value[:40]!r}…")
    return value.replace("%", "%%")
