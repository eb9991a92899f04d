"""Simulated clusters as servers on free ports, and connections to them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cluster_poller.clusters.connection import Connections
from cluster_poller.registry import MAJORS
from shared.contracts.clusters import ClusterRegistered
from shared.runtime.egress import Egress, EgressPolicy
from shared.runtime.keys import make
from shared.runtime.sealed import OpeningKey, SealingKey
from simulated_airflow.catalogue import DagSpec, recorded_catalogue
from simulated_airflow.serving import Simulated, simulated_cluster


@pytest.fixture(scope="session")
def poller_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make(folder)
    return folder


@pytest.fixture(scope="session")
def register(poller_keys: Path) -> Callable[..., ClusterRegistered]:
    """Give a function that registers a cluster as the gateway does, its password sealed to the poller."""
    key = SealingKey.from_file(poller_keys / "cluster-poller.pub")

    def registered(url: str, *, password: str = "admin", cluster_id: str = "cluster-1", **more: Any) -> ClusterRegistered:
        sealed = key.seal(password.encode(), owner=cluster_id)
        fields = {"name": "sim", "base_url": url, "username": "admin", "sealed_secret": sealed, "poll_seconds": 1.0}
        return ClusterRegistered.model_validate({"cluster_id": cluster_id} | fields | more)

    return registered


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulated]]:
    """Give a function that starts simulated clusters; they end with the test."""
    with ExitStack() as stack:

        def start(dialect: str, dags: tuple[DagSpec, ...] | None = None, *, history: float = 0.0, **more: Any) -> Simulated:
            dags = recorded_catalogue(12) if dags is None else dags
            return stack.enter_context(simulated_cluster(dialect, dags, history=timedelta(minutes=history), **more))

        yield start


@pytest.fixture(params=["v1", "v2"])
def simulated(request: pytest.FixtureRequest, simulate: Callable[..., Simulated]) -> Simulated:
    """Give one simulated cluster of each dialect in turn."""
    return simulate(request.param)


@pytest.fixture
async def connections(poller_keys: Path) -> AsyncIterator[Connections]:
    """Give connections that may call this machine."""
    egress = Egress(EgressPolicy.allowing(["127.0.0.0/8"]))
    found = Connections(egress, OpeningKey.from_file(poller_keys / "cluster-poller.key"), MAJORS)
    yield found
    await found.stop()
