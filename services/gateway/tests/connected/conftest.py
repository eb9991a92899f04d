"""A real gateway process over a real Kafka and PostgreSQL, and somebody who is signed in."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import BaseModel

from shared.contracts.topics import RUNS_OUTCOMES, Topic
from shared.runtime.ids import new_id
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_port
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder

sys.path.insert(0, str(Path(__file__).parent))

from run_stories import failed, published, shown

PASSWORD = "correct horse battery staple"
NAME = "ada"
UI = Path(__file__).parents[4] / "services" / "ui"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need real parts."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.connected)


@dataclass
class Gateway:
    """The process and what is needed to look behind it."""

    url: str
    database_url: str
    bootstrap: str
    environment: dict[str, str]
    process: Any
    token: str = ""
    made: dict[str, str] = field(default_factory=dict)

    def setup_link(self) -> subprocess.CompletedProcess[str]:
        return self.command("setup-link")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database_url, server_settings={"search_path": "gateway"})
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def publish(self, topic: Topic, *events: tuple[str, BaseModel | bytes]) -> None:
        """Write as another program would: plain JSON without our headers."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        try:
            for key, event in events:
                value = event if isinstance(event, bytes) else topic.encode(event)
                await producer.send_and_wait(topic.name, value, key=key.encode())
        finally:
            await producer.stop()


@pytest.fixture(scope="session")
def gateway(kafka: KafkaPart, postgres: PostgresPart, keys: Path) -> Iterator[Gateway]:
    port, database = free_port(), postgres.fresh_database()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "FLOWTOWER_KAFKA": kafka.bootstrap,
        "FLOWTOWER_DATABASE_URL": database,
        "FLOWTOWER_PORT": str(port),
        "FLOWTOWER_KEYS_DIR": str(keys),
        "FLOWTOWER_PUBLIC_URL": url,
        "FLOWTOWER_EGRESS_ALLOW": "",
        "FLOWTOWER_INSTANCE": f"test-{port}",
    }
    process = PartProcess("gateway", [sys.executable, "-m", "gateway"], folder=scratch_folder("gateway"), env=environment)
    process.start(lambda: _ready(url), within=90)
    yield Gateway(url, database, kafka.bootstrap, environment, process)
    process.stop()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
async def first_user(gateway: Gateway) -> str:
    """Make the first user once, and return an API token of theirs."""
    async with gateway.client() as client:
        link = gateway.setup_link()
        assert link.returncode == 0, link.stderr
        token = link.stdout.strip().split("token=")[1]
        body = {"token": token, "name": NAME, "password": PASSWORD}
        made = await client.post("/api/account/set-up/", json=body)
        assert made.status_code == 201, made.text
        signed = await client.post("/api/account/sign-in/", json={"name": NAME, "password": PASSWORD})
        assert signed.status_code == 200, signed.text
        fresh = await client.post("/api/tokens/", json={"name": "tests"}, headers={"X-CSRF-Token": signed.json()["csrf_token"]})
        assert fresh.status_code == 201, fresh.text
        token_text: str = fresh.json()["token"]
        return token_text


@pytest.fixture
async def api(gateway: Gateway, first_user: str) -> AsyncIterator[httpx.AsyncClient]:
    """A program that is signed in by its token."""
    async with gateway.client(Authorization=f"Bearer {first_user}") as client:
        yield client


@pytest.fixture
async def browser(gateway: Gateway, first_user: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody signed in by password, whose client keeps cookies; the form token stands in ``headers``."""
    async with gateway.client() as client:
        signed = await client.post("/api/account/sign-in/", json={"name": NAME, "password": PASSWORD})
        assert signed.status_code == 200, signed.text
        client.headers["X-CSRF-Token"] = signed.json()["csrf_token"]
        yield client


@pytest.fixture(scope="session")
def page_url(gateway: Gateway) -> Iterator[str]:
    """A second replica, which serves the pages beside the API."""
    if not (UI / "dist" / "icons.json").exists():
        pytest.fail("The front end is not built: run `npm ci --ignore-scripts && npm run build` in services/ui.")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {"FLOWTOWER_PORT": str(port), "FLOWTOWER_PUBLIC_URL": url, "FLOWTOWER_UI_DIR": str(UI), "FLOWTOWER_INSTANCE": f"pages-{port}"}
    command = [sys.executable, "-m", "gateway"]
    process = PartProcess("gateway pages", command, folder=scratch_folder("gateway-pages"), env=gateway.environment | own)
    process.start(lambda: _ready(url), within=90)
    yield url
    process.stop()


@pytest.fixture
async def broken(gateway, api: httpx.AsyncClient) -> dict[str, Any]:
    """A run that failed, as the API shows it."""
    name, workflow_id = await published(api)
    run_id, key = new_id(), f"order-{new_id()}"
    events = failed(run_id, name, workflow_id, key=key, trigger="schedule:nightly")
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in events])
    return await shown(api, run_id, 7)
