"""Simulated clusters as servers on free ports, and connections to them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import BaseModel

from cluster_poller.clusters.connection import Connections
from cluster_poller.registry import MAJORS
from shared.contracts import topics
from shared.contracts.clusters import ClusterCommand, ClusterCommandOutcome, ClusterRegistered
from shared.contracts.topics import Topic
from shared.runtime.clock import now
from shared.runtime.egress import Egress, EgressPolicy
from shared.runtime.ids import new_id
from shared.runtime.internal import InternalSigner
from shared.runtime.keys import make
from shared.runtime.sealed import OpeningKey, SealingKey
from shared.testing.kafka import KafkaPart
from shared.testing.ports import answers, free_port
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.wait import eventually
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


class Station:
    """Real cluster-poller processes on a database of their own, with Kafka to talk over."""

    def __init__(self, kafka: KafkaPart, postgres: PostgresPart, database_url: str, keys: Path) -> None:
        self.kafka = kafka
        self.postgres = postgres
        self.database_url = database_url
        self.keys = keys
        self.processes: dict[str, PartProcess] = {}
        self.ports: dict[str, int] = {}
        self._signer = InternalSigner(keys, issuer="gateway")
        self._heard: dict[tuple[str, str], list[Any]] = {}

    def start(self, instance: str = "0", **env: str) -> None:
        """Start a replica and wait until it is ready; ``env`` adds to its environment."""
        port = self.ports[instance] = free_port()
        given = {
            "FLOWTOWER_KAFKA": self.kafka.bootstrap,
            "FLOWTOWER_DATABASE_URL": self.database_url,
            "FLOWTOWER_KEYS_DIR": str(self.keys),
            "FLOWTOWER_PORT": str(port),
            "FLOWTOWER_INSTANCE": instance,
            "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8",
            "FLOWTOWER_POLLER_LEAST_SECONDS": "0.5",
            "FLOWTOWER_POLLER_ANSWER_SECONDS": "4",
        }
        process = PartProcess(
            f"poller-{instance}",
            [sys.executable, "-m", "cluster_poller"],
            folder=scratch_folder("poller"),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | given | env,
        )
        self.processes[instance] = process
        process.start(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200 if answers(port) else False, within=120)

    async def say(self, topic: Topic, event: BaseModel | None, key: str) -> None:
        """Produce one event as the gateway does; None is a tombstone."""
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(topic.name, None if event is None else topic.encode(event), key.encode())
        finally:
            await producer.stop()

    async def listen(self) -> None:
        """Begin to collect everything that the poller publishes."""
        self._consumer = AIOKafkaConsumer(*LISTENED, bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest")
        await self._consumer.start()
        self._listening = asyncio.create_task(self._collect(self._consumer))

    async def _collect(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            self._heard.setdefault((record.topic, (record.key or b"").decode()), []).append(LISTENED[record.topic].decode(record.value))

    async def stop(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._consumer.stop()
        for process in self.processes.values():
            await asyncio.to_thread(process.stop)

    async def heard(self, topic: Topic, cluster_id: str) -> list[Any]:
        """Give everything that was published about a cluster so far, in order."""
        if self._listening.done():
            self._listening.result()
        return list(self._heard.get((topic.name, cluster_id), ()))

    async def ask(self, method: str, path: str, *, instance: str = "0", **given: Any) -> httpx.Response:
        """Make an internal request as the gateway does."""
        headers = {"Authorization": f"Bearer {self._signer.token('cluster-poller')}"}
        async with httpx.AsyncClient(timeout=40) as client:
            return await client.request(method, f"http://127.0.0.1:{self.ports[instance]}{path}", headers=headers, **given)

    async def command(self, cluster_id: str, do: dict[str, Any], **more: Any) -> str:
        """Ask something of a cluster; gives the command's id."""
        command_id = new_id()
        fields = {"command_id": command_id, "cluster_id": cluster_id, "requested_by": "ada", "requested_at": now(), "do": do}
        await self.say(topics.CLUSTERS_COMMANDS, ClusterCommand.model_validate(fields | more), cluster_id)
        return command_id

    async def outcomes(self, command_id: str, cluster_id: str) -> list[ClusterCommandOutcome]:
        return [outcome for outcome in await self.heard(topics.CLUSTERS_OUTCOMES, cluster_id) if outcome.command_id == command_id]

    async def settled(self, command_id: str, cluster_id: str, *, within: float = 45.0) -> ClusterCommandOutcome:
        """Wait until a command is confirmed or refused, and give that outcome."""

        async def found() -> ClusterCommandOutcome | None:
            ends = [one for one in await self.outcomes(command_id, cluster_id) if one.status.value in {"confirmed", "refused"}]
            return ends[-1] if ends else None

        return await eventually(found, within=within, every=0.3, about=f"the end of command {command_id}")


LISTENED = {topic.name: topic for topic in (topics.CLUSTERS_OBSERVATIONS, topics.CLUSTERS_OUTCOMES, topics.DAGS_OBSERVATIONS)}


@pytest.fixture(scope="module")
async def station(kafka: KafkaPart, postgres: PostgresPart, poller_keys: Path) -> AsyncIterator[Station]:
    """Give one running poller for the tests of a module; each test registers a cluster of its own."""
    found = Station(kafka, postgres, await asyncio.to_thread(postgres.fresh_database), poller_keys)
    await asyncio.to_thread(found.start)
    await found.listen()
    yield found
    await found.stop()
