"""With Kafka or PostgreSQL away the gateway says so, loses nothing, and goes on by itself."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.contracts.topics import CLUSTERS_REGISTRY
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_port
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.wait import eventually

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresPart]:
    """A server of its own: others must not feel that it goes away."""
    part = PostgresPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[KafkaPart]:
    part = KafkaPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="module")
def frail(own_kafka: KafkaPart, own_postgres: PostgresPart, keys: Path) -> Iterator[httpx.Client]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "FLOWTOWER_KAFKA": own_kafka.bootstrap,
        "FLOWTOWER_DATABASE_URL": own_postgres.fresh_database(),
        "FLOWTOWER_PORT": str(port),
        "FLOWTOWER_KEYS_DIR": str(keys),
        "FLOWTOWER_PUBLIC_URL": url,
        "FLOWTOWER_INSTANCE": f"frail-{port}",
    }
    process = PartProcess("gateway", [sys.executable, "-m", "gateway"], folder=scratch_folder("frail"), env=environment)
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        process.start(lambda: _ready(client), within=90)
        yield client
        process.stop()


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False


async def _sign_in(client: httpx.Client, own_postgres: PostgresPart) -> None:
    from gateway.identity.passwords import Passwords  # noqa: PLC0415
    from gateway.identity.people import People  # noqa: PLC0415
    from gateway.settings import Settings  # noqa: PLC0415
    from shared.runtime.database import Database  # noqa: PLC0415

    database = Database(Settings(kafka="127.0.0.1:1", database_url=own_postgres.url("test_1")), "gateway", None)  # type: ignore[arg-type]
    await database.start()
    try:
        token = await People(database, Passwords()).new_setup_token()
    finally:
        await database.stop()
    body = {"token": token, "name": "ada", "password": "correct horse battery"}
    assert client.post("/api/account/set-up/", json=body).status_code == 201
    signed = client.post("/api/account/sign-in/", json={"name": "ada", "password": "correct horse battery"})
    client.headers["X-CSRF-Token"] = signed.json()["csrf_token"]


async def test_what_is_asked_while_kafka_is_away_leaves_when_it_is_back(
    frail: httpx.Client, own_kafka: KafkaPart, own_postgres: PostgresPart
) -> None:
    await _sign_in(frail, own_postgres)
    await asyncio.to_thread(own_kafka.stop)
    made = frail.post("/api/clusters/", json={"name": "while-away", "base_url": "https://a.example.com", "username": "x"})
    assert made.status_code == 201, made.text
    assert frail.get("/api/clusters/").status_code == 200

    async def said() -> bool:
        answer = frail.get("/readyz")
        return answer.status_code == 503 and "Kafka" in answer.text

    await eventually(said, within=60)
    await asyncio.to_thread(own_kafka.start)
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415

    consumer = AIOKafkaConsumer(CLUSTERS_REGISTRY.name, bootstrap_servers=own_kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 60)
    finally:
        await consumer.stop()
    assert record.key == made.json()["id"].encode()
    await eventually(lambda: _is_ready(frail), within=90)


async def _is_ready(client: httpx.Client) -> bool:
    return _ready(client)


async def test_without_its_database_it_answers_503_and_goes_on_when_it_is_back(frail: httpx.Client, own_postgres: PostgresPart) -> None:
    await asyncio.to_thread(own_postgres.kill)
    for _ in range(5):
        for path in ("/api/clusters/", "/api/runs/", "/api/health/", "/api/nothing/"):
            answer = frail.get(path)
            assert answer.status_code in (503, 404), (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) >= 1
                assert "Traceback" not in answer.text
        posted = frail.post("/api/clusters/", json={"name": "x", "base_url": "https://a.example.com", "username": "x"})
        assert posted.status_code == 503
    assert frail.get("/healthz").status_code == 200
    await asyncio.to_thread(own_postgres.start)

    async def back() -> bool:
        return frail.get("/api/clusters/").status_code == 200

    await eventually(back, within=60)
    assert [item["name"] for item in frail.get("/api/clusters/").json()["items"]] == ["while-away"]
