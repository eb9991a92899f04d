"""Starts Temporal's server with all that it keeps in PostgreSQL: its own state, and what its lists of workflows are made from."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from shared.testing.ports import answers, free_ports
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.wait import wait_until

NAMESPACE = "peers"
PLUGIN = "postgres12_pgx"
"""The quicker of its two drivers: about a quarter more runs a second here than ``postgres12``."""
SERVICES = ("FRONTEND", "HISTORY", "MATCHING", "WORKER")
"""All four run in one process."""


@dataclass(frozen=True, slots=True)
class Temporal:
    """One running server: where it answers, and its process."""

    address: str
    pid: int


def programs(folder: Path) -> tuple[str, str] | None:
    """Return the server and the tool for its schema, from ``folder`` or the path; None where one of them is missing."""
    path = os.pathsep.join((str(folder), os.environ.get("PATH", "")))
    server, tool = (shutil.which(name, path=path) for name in ("temporal-server", "temporal-sql-tool"))
    return (server, tool) if server and tool else None


@contextmanager
def temporal(server: str, tool: str, postgres: PostgresPart) -> Iterator[Temporal]:
    """Give a server with two fresh databases and one namespace; it is stopped in the end."""
    folder = scratch_folder("temporal")
    stores = {name: _store(tool, postgres, name) for name in ("temporal", "visibility")}
    database = urlsplit(postgres.admin_url)
    http, *ports = free_ports(1 + 2 * len(SERVICES))
    settings = {
        "DB": PLUGIN,
        "POSTGRES_SEEDS": str(database.hostname),
        "DB_PORT": str(database.port),
        "POSTGRES_USER": str(database.username),
        "POSTGRES_PWD": str(database.password),
        "DBNAME": stores["temporal"],
        "VISIBILITY_DBNAME": stores["visibility"],
        "TEMPORAL_BROADCAST_ADDRESS": "127.0.0.1",
        "FRONTEND_HTTP_PORT": str(http),
        "DYNAMIC_CONFIG_FILE_PATH": str(folder / "dynamic.yaml"),
        "LOG_LEVEL": "error",
    }
    for service, grpc, membership in zip(SERVICES, ports[::2], ports[1::2], strict=True):
        settings |= {f"{service}_GRPC_PORT": str(grpc), f"{service}_MEMBERSHIP_PORT": str(membership)}
    # The server looks for this file, but all that is left at its default needs no word in it.
    (folder / "dynamic.yaml").write_text("{}\n")
    # The server's own template takes its settings from the environment; nothing of ours may get into it by chance.
    part = PartProcess("temporal", [server, "--allow-no-auth", "start"], folder=folder, env={"PATH": os.environ["PATH"]} | settings)
    try:
        part.start(lambda: answers(ports[0]) and answers(http), within=90)
        if not wait_until(lambda: _namespace(http), within=60, every=0.5):
            raise RuntimeError(f"Temporal does not take the namespace; its log ends:\n{part.log_tail()}")
        yield Temporal(f"127.0.0.1:{ports[0]}", part.pid)
    finally:
        part.stop()


def _store(tool: str, postgres: PostgresPart, schema: str) -> str:
    """Prepare a fresh database with one of the schemas that the tool carries, and return its name."""
    url = urlsplit(postgres.fresh_database())
    name = url.path.strip("/")
    settings = {
        "SQL_PLUGIN": PLUGIN,
        "SQL_HOST": str(url.hostname),
        "SQL_PORT": str(url.port),
        "SQL_USER": str(url.username),
        "SQL_PASSWORD": str(url.password),
        "SQL_DATABASE": name,
    }
    for words in (["setup-schema", "--version", "0.0"], ["update-schema", "--schema-name", f"postgresql/v12/{schema}"]):
        done = subprocess.run([tool, *words], capture_output=True, text=True, timeout=60, env=settings, check=False)
        if done.returncode:
            raise RuntimeError(f"{words[0]} of Temporal's {schema} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return name


def _namespace(port: int) -> bool:
    """Make the namespace where it is missing, and tell whether the whole server knows it."""
    asked = {"namespace": NAMESPACE, "workflowExecutionRetentionPeriod": "86400s"}
    return _ask(port, "namespaces", asked) in {200, 409} and _ask(port, f"namespaces/{NAMESPACE}/workflows") == 200


def _ask(port: int, what: str, body: dict[str, Any] | None = None) -> int:
    data = json.dumps(body).encode() if body else None
    request = Request(f"http://127.0.0.1:{port}/api/v1/{what}", data, {"content-type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return int(answer.status)
    except OSError as error:
        return int(getattr(error, "code", 0))
