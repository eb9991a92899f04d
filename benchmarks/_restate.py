"""Starts Restate's server and a worker beside it, and asks it for runs over connections that stay open."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import psutil

from shared.testing.ports import answers, free_ports
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.wait import wait_until

WORKERS = 1
"""Processes of the handler."""


@contextmanager
def restate(server: Path, python: Path, workers: int = WORKERS) -> Iterator["Restate"]:
    """Give a server with its worker registered; both are stopped in the end."""
    ingress, admin, node, worker_port = free_ports(4)
    folder = scratch_folder("restate")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    settings = {
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
        "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{node}",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RUST_LOG": "warn",
    }
    serve: list[str | Path] = [server, "--base-dir", folder / "data", "--no-logo"]
    main = PartProcess("restate", serve, folder=folder, env=env | settings)
    place = str(Path(__file__).parent)
    command: list[str | Path] = [
        python,
        "-m",
        "hypercorn",
        "--workers",
        str(workers),
        "--bind",
        f"127.0.0.1:{worker_port}",
        "_restate_peer:app",
    ]
    worker = PartProcess("worker", command, folder=folder, env=env | {"PYTHONPATH": place})
    try:
        worker.start(lambda: answers(worker_port), within=60)
        main.start(lambda: answers(admin) and answers(ingress), within=90)
        found = Restate(ingress, (main, worker))
        if not wait_until(lambda: found.register(admin, worker_port), within=30, every=0.5):
            raise RuntimeError(f"Restate does not take the worker; its log ends:\n{main.log_tail()}")
        yield found
    finally:
        main.stop()
        worker.stop()


class Restate:
    """One running server."""

    def __init__(self, port: int, parts: tuple[PartProcess, ...]) -> None:
        self._port = port
        self._parts = parts

    @staticmethod
    def register(admin: int, worker: int) -> bool:
        body = json.dumps({"uri": f"http://127.0.0.1:{worker}"}).encode()
        request = Request(f"http://127.0.0.1:{admin}/deployments", body, {"content-type": "application/json"})
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
                return bool(answer.status in {200, 201})
        except OSError:
            return False

    def spent(self) -> float:
        """Return the CPU seconds of the server and the worker so far."""
        found = 0.0
        for part in self._parts:
            for process in (psutil.Process(part.pid), *psutil.Process(part.pid).children(recursive=True)):
                times = process.cpu_times()
                found += times.user + times.system
        return found

    async def runs(self, count: int, in_flight: int) -> tuple[list[float], float, float]:
        """Make runs; return the seconds of each, runs per second, and CPU microseconds per run."""
        left = iter(range(count))
        took: list[float] = []

        async def ask() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            for number in left:
                began = time.perf_counter()
                body = str(number).encode()
                head = f"POST /Three/run HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                answer = await _answer(reader)
                if answer != number + 3:
                    raise RuntimeError(f"run {number} answered {answer}")
                took.append(time.perf_counter() - began)
            writer.close()

        before, began = self.spent(), time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(in_flight)))
        whole = time.perf_counter() - began
        return took, count / whole, (self.spent() - before) / count * 1e6


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if " 200 " not in head.partition("\r\n")[0]:
        raise RuntimeError(f"Restate answered {head!r}")
    if "content-length: " in head:
        return int(await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0])))
    size, body = -1, b""
    while size:
        size = int(await reader.readline(), 16)
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return int(body)
