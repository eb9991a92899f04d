import asyncio
import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import BaseModel, SecretStr

from shared.contracts.topics import Topic
from shared.runtime.consumer import Bus, Handler
from shared.runtime.database import Database
from shared.runtime.delivery import Outbox
from shared.runtime.parts import Readiness
from shared.runtime.producer import Producer
from shared.runtime.settings import ServiceSettings
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_port
from shared.testing.postgres import PostgresPart
from shared.testing.wait import eventually

HERE = Path(__file__).parent


@pytest.fixture
def database_url(postgres: PostgresPart) -> str:
    return postgres.fresh_database()


@pytest.fixture
def settings(kafka: KafkaPart, database_url: str, tmp_path: Path) -> ServiceSettings:
    return ServiceSettings(kafka=kafka.bootstrap, database_url=SecretStr(database_url), keys_dir=tmp_path / "keys", port=free_port())


@pytest.fixture
def migrations() -> Path:
    """The migrations of the station: the tables of delivery and a ledger that does not forbid doubles."""
    return HERE / "station_migrations"


@pytest.fixture
async def database(settings: ServiceSettings, migrations: Path) -> AsyncIterator[Database]:
    """A migrated schema ``station``, connected."""
    part = Database(settings, "station", migrations)
    await part.start()
    yield part
    await part.stop()


@pytest.fixture
async def producer(settings: ServiceSettings) -> AsyncIterator[Producer]:
    part = Producer(settings, "station")
    await part.start()
    yield part
    await part.stop()


@pytest.fixture
async def outbox(database: Database, producer: Producer) -> AsyncIterator[Outbox]:
    part = Outbox(database, producer)
    await part.start()
    yield part
    await part.stop()


Consuming = Callable[..., AbstractAsyncContextManager[Readiness]]


@pytest.fixture
def consuming(settings: ServiceSettings, database: Database, outbox: Outbox) -> Consuming:
    """Run a bus with one handler for the block: ``async with consuming(topic, handler): …``."""

    @asynccontextmanager
    async def run(topic: Topic, handler: Handler, **given: Any) -> AsyncIterator[Readiness]:
        readiness = Readiness()
        bus = Bus(settings, "station", database, outbox, readiness)
        bus.consume(topic, handler, use=topic.name, **given)
        await bus.start()
        try:
            yield readiness
        finally:
            await bus.stop()

    return run


class Note(BaseModel):
    number: int
    text: str = ""


@pytest.fixture
def notes() -> Topic:
    """A topic of its own for each test; the bus makes it."""
    return Topic(f"notes-{uuid.uuid4().hex[:8]}.said.v1", Note, "key", ("external",), ("station",), partitions=2)


@pytest.fixture
async def outside(kafka: KafkaPart) -> AsyncIterator[AIOKafkaProducer]:
    """A producer as outside programs have it, without our headers."""
    program = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await program.start()
    yield program
    await program.stop()


class Zygote:
    """The parent of station processes; see station_service.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "station_service.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the parent of the stations is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


@dataclass
class Station:
    """One installation of the station service: its topics, its database, its processes."""

    zygote: Zygote
    kafka: KafkaPart
    database_url: str
    folder: Path
    name: str = field(default_factory=lambda: f"station-{uuid.uuid4().hex[:8]}")
    pids: dict[int, int] = field(default_factory=dict)

    @property
    def orders(self) -> str:
        return f"{self.name}.orders.v1"

    @property
    def receipts(self) -> str:
        return f"{self.name}.receipts.v1"

    @property
    def dead(self) -> str:
        return f"{self.name}.orders.v1.station.{self.name}.dlq"

    def log(self) -> str:
        path = self.folder / "station.log"
        return path.read_text() if path.exists() else ""

    def start(self, **given: Any) -> int:
        """Start a process of the service and return its id."""
        port = free_port()
        settings = {"kafka": self.kafka.bootstrap, "database_url": self.database_url, "port": port, "station": self.name, **given}
        pid = int(self.zygote.ask(start=settings, log=str(self.folder / "station.log"))["pid"])
        self.pids[pid] = port
        return pid

    def signal(self, pid: int, number: int) -> None:
        os.kill(pid, number)

    async def ended(self, pid: int, *, within: float = 60) -> int:
        """Wait for a process to end and return its exit code."""
        ending = asyncio.ensure_future(asyncio.to_thread(self.zygote.ask, wait=pid))
        done, _ = await asyncio.wait([ending], timeout=within)
        if not done:
            os.kill(pid, 9)
        code = int((await ending)["code"])
        self.pids.pop(pid, None)
        assert done, f"the station did not end within {within} s; its log ends:\n{self.log()[-3000:]}"
        return code

    async def end_all(self) -> None:
        for pid in list(self.pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
            await self.ended(pid)

    async def send(self, numbers: range, *, keys: int = 5, text: str = "") -> None:
        """Send orders as an outside program does: plain JSON, no headers."""
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap)
        await producer.start()
        try:
            for number in numbers:
                value = json.dumps({"number": number, "text": text}).encode()
                await producer.send_and_wait(self.orders, value, key=f"k{number % keys}".encode())
        finally:
            await producer.stop()

    async def ledger(self) -> list[tuple[str, int, str]]:
        connection = await asyncpg.connect(self.database_url)
        try:
            rows = await connection.fetch("SELECT key, number, worker FROM station.ledger ORDER BY id")
        finally:
            await connection.close()
        return [(row["key"], row["number"], row["worker"]) for row in rows]

    async def fetch(self, query: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query)
        finally:
            await connection.close()
        return found

    async def ledger_has(self, count: int, *, within: float = 40) -> list[tuple[str, int, str]]:
        async def enough() -> list[tuple[str, int, str]]:
            try:
                rows = await self.ledger()
            except asyncpg.PostgresError:
                rows = []
            assert len(rows) >= count, f"{len(rows)} of {count} rows"
            return rows

        try:
            found: list[tuple[str, int, str]] = await eventually(enough, within=within, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; the station's log ends:\n{self.log()[-4000:]}") from error
        return found


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    parent = Zygote()
    yield parent
    parent.close()


@pytest.fixture
async def station(zygote: Zygote, kafka: KafkaPart, database_url: str, tmp_path: Path) -> AsyncIterator[Station]:
    made = Station(zygote, kafka, database_url, tmp_path)
    for topic in (made.orders, made.receipts):
        await kafka.create_topic(topic, partitions=2)
    yield made
    await made.end_all()
