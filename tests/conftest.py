"""What the tests of the whole share: a signed-in API, and a plain Kafka producer that knows nothing of Flowtower."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from shared.runtime.ids import new_id
from shared.testing.kafka import KafkaPart
from shared.testing.rabbitmq import RabbitPart
from shared.testing.receiver import Receiver
from shared.testing.tower import Api, Tower
from shared.testing.wait import eventually
from simulated_airflow.catalogue import DagSpec, TaskSpec
from simulated_airflow.serving import Simulated, simulated_cluster

NIGHTLY = "nightly"
BROKEN, REPAIRED = (DagSpec(NIGHTLY, (TaskSpec("load", seconds=(0.2, 0.4), failing_tries=tries),)) for tries in (99, 0))


@pytest.fixture(scope="session")
async def api(tower: Tower) -> AsyncIterator[Api]:
    client = await tower.sign_in()
    yield Api(client)
    await client.aclose()


@pytest.fixture(scope="session")
async def outside(kafka: KafkaPart) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer as somebody else would write it: bytes in, no headers, no ids."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture(scope="session")
async def bell(api: Api, receiver: Receiver) -> str:
    """Publish a workflow that calls the receiver once and may be started by events; return its name."""
    await api.endpoint("bell", "service", {"base_url": receiver.base_url})
    await api.workflow(
        "workflow: ring-the-bell\n"
        "components:\n"
        "  Bell: {kind: service, endpoint: bell, path: /ring, deliver: once, retry: {strategy: fixed, every: 1s, attempts: 3}}\n"
        "triggers:\n"
        "  - {kind: event}\n"
    )
    return "ring-the-bell"


@pytest.fixture(scope="session")
async def flows(api: Api, kafka: KafkaPart, rabbitmq: RabbitPart, receiver: Receiver) -> Api:
    """Give an API where the endpoints prod-kafka, orders-mq and order-service are registered."""
    mq = urlsplit(rabbitmq.url)
    assert mq.password
    await api.endpoint("prod-kafka", "kafka", {"bootstrap_servers": kafka.bootstrap})
    options = {"host": mq.hostname, "port": mq.port, "username": mq.username}
    shown = await api.endpoint("orders-mq", "mq", options, {"password": mq.password})
    assert "password" not in shown["options"]
    assert mq.password not in str(shown.get("secrets"))
    await api.endpoint("order-service", "service", {"base_url": receiver.base_url})
    return api


@dataclass(frozen=True)
class Watched:
    """A simulated cluster that the real poller polls each second."""

    airflow: Simulated
    api: Api
    cluster_id: str
    name: str

    async def state(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.api.get(f"/api/clusters/{self.cluster_id}/"))["state"]
        return found

    def repair(self) -> None:
        """From now on runs of its DAG succeed; until then each fails."""
        self.airflow.world.dags[NIGHTLY] = REPAIRED

    async def trigger(self) -> str:
        """Have somebody else start a run of its DAG, in Airflow itself; return its id."""
        async with httpx.AsyncClient(base_url=self.airflow.url, trust_env=False) as client:
            token = (await client.post("/auth/token", json={"username": "admin", "password": "admin"})).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            answer = await client.post(f"/api/v2/dags/{NIGHTLY}/dagRuns", json={"logical_date": None}, headers=headers)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["dag_run_id"])

    async def ask(self, **body: Any) -> dict[str, Any]:
        """Ask something of the cluster and wait until it is confirmed."""
        made = await self.api.post(f"/api/clusters/{self.cluster_id}/commands/", body)

        async def confirmed() -> dict[str, Any]:
            found: dict[str, Any] = await self.api.get(f"/api/commands/{made['id']}/")
            assert found["status"] == "confirmed", found
            return found

        return await eventually(confirmed, within=60, about=f"{body} is confirmed")


@pytest.fixture
async def watched(api: Api) -> AsyncIterator[Watched]:
    """Give a cluster that is registered and seen as healthy; it is deleted after the test."""
    name = f"sim-{new_id()[-8:]}"
    with simulated_cluster("v2", (BROKEN,), history=timedelta()) as airflow:
        given = {"name": name, "base_url": airflow.url, "username": "admin", "secret": "admin", "poll_seconds": 1}
        airflow.set(no_import_errors=True)
        cluster = Watched(airflow, api, (await api.post("/api/clusters/", given))["id"], name)

        async def healthy() -> bool:
            state = await cluster.state()
            assert state["health"] == "healthy", state
            return True

        await eventually(healthy, within=60, about="the cluster is seen as healthy")
        yield cluster
        await api.client.delete(f"/api/clusters/{cluster.cluster_id}/", headers={"If-Match": "*"})
