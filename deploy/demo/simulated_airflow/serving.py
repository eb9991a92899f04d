"""A simulated cluster inside another process: served from a thread of its own, on a free port. For tests."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import uvicorn

from simulated_airflow.application import build
from simulated_airflow.catalogue import DagSpec
from simulated_airflow.misbehaviour import Misbehaviour
from simulated_airflow.world import World


@dataclass(frozen=True)
class Simulated:
    """A running simulation. ``set`` throws its switches, as ``POST /_control`` does."""

    url: str
    app: Misbehaviour

    @property
    def world(self) -> World:
        return self.app.cluster.world

    @property
    def requests(self) -> dict[str, int]:
        """Requests so far by method and kind of path."""
        return dict(self.app.cluster.requests)

    def set(self, **switches: Any) -> None:
        problem = self.app.set(switches)
        if problem:
            raise ValueError(problem)


@contextmanager
def served(app: Any, **config: Any) -> Iterator[int]:
    """Serve an ASGI application on this machine; gives the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", date_header=False, lifespan="off", timeout_graceful_shutdown=1, **config)
        )
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            thread.join(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join(5)


@contextmanager
def simulated_cluster(
    dialect: Literal["v1", "v2"], dags: tuple[DagSpec, ...], *, seed: int = 1, history: timedelta = timedelta(), **config: Any
) -> Iterator[Simulated]:
    """Run one simulated cluster; ``config`` is uvicorn's, e.g. ``ssl_keyfile``."""
    app = build(dialect, dags, seed=seed, history=history)
    with served(app, **config) as port:
        scheme = "https" if "ssl_keyfile" in config else "http"
        yield Simulated(f"{scheme}://127.0.0.1:{port}", app)
