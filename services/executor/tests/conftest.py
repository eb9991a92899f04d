"""A real executor over real Kafka and PostgreSQL, and what a test needs to speak with it."""

import asyncio
import json
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.topics import ENDPOINTS_REGISTRY, RUNS_COMMANDS, RUNS_OUTCOMES, TOPICS, WORKFLOWS_REGISTRY
from shared.contracts.workflows import Component, Connection, ExponentialRetry, FixedRetry, WorkflowDefinition, WorkflowPublished
from shared.runtime import clock, keys
from shared.runtime.kafka_topics import create_missing, wanted
from shared.runtime.origin import Origin
from shared.runtime.sealed import SealingKey
from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart
from shared.testing.process import scratch_folder
from shared.testing.rabbitmq import RabbitPart
from shared.testing.wait import eventually

sys.path.insert(0, str(Path(__file__).parent))  # what several files of tests share stands beside them

from executor_part import ExecutorPart


class Tower:
    """The rest of Flowtower, as the executor sees it."""

    def __init__(self, kafka: KafkaPart, keys_dir: Path) -> None:
        self.kafka = kafka
        self.origin = Origin(keys_dir)
        self.sealing = SealingKey.from_file(keys_dir / "executor.pub")
        self.events: list[Any] = []
        self.raw: dict[tuple[str, int], list[bytes]] = {}

    async def start(self) -> None:
        await create_missing(self.kafka.bootstrap, [wanted(topic) for topic in TOPICS], 1)
        self.producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all")
        await self.producer.start()
        self.consumer = AIOKafkaConsumer(RUNS_OUTCOMES.name, bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest")
        await self.consumer.start()
        self.listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        self.listening.cancel()
        await asyncio.gather(self.listening, return_exceptions=True)
        await self.consumer.stop()
        await self.producer.stop()

    async def _listen(self) -> None:
        async for record in self.consumer:
            event = RUNS_OUTCOMES.decode(record.value)
            self.raw.setdefault((event.run_id, event.seq), []).append(record.value)
            self.events.append(event)

    async def publish(self, definition: WorkflowDefinition, version: int = 1, *, retired: bool = False) -> None:
        event = WorkflowPublished(
            workflow_id=f"id-{definition.workflow}", version=version, definition=definition, published_at=clock.now(), retired=retired
        )
        await self.send(WORKFLOWS_REGISTRY, event, f"{event.workflow_id}:{version}")

    async def endpoint(self, name: str, kind: str, options: dict[str, Any], secret: dict[str, Any] | None = None, **more: Any) -> None:
        endpoint_id = f"id-{name}"
        sealed = None if secret is None else self.sealing.seal(json.dumps(secret).encode(), owner=endpoint_id)
        event = EndpointRegistered(endpoint_id=endpoint_id, name=name, kind=kind, options=options, sealed_secret=sealed, **more)
        await self.send(ENDPOINTS_REGISTRY, event, endpoint_id)

    async def send(self, topic: Any, event: Any, key: str) -> None:
        event_id, value = uuid.uuid4().hex, topic.encode(event)
        proof = self.origin.sign(topic.name, key.encode(), event_id, value)
        await self.producer.send_and_wait(topic.name, value, key=key.encode(), headers=[("ce_id", event_id.encode()), proof])

    async def command(self, command: Any, run_id: str) -> None:
        await self.send(RUNS_COMMANDS, command, run_id)

    def of(self, run_id: str) -> list[Any]:
        """Return a run's events in order, each once."""
        once = {event.seq: event for event in self.events if event.run_id == run_id}
        return [once[seq] for seq in sorted(once)]

    async def until(self, run_id: str, kind: str, *, within: float = 30, times: int = 1, **fields: Any) -> Any:
        """Return the event of a run when it has come so many times."""

        async def come() -> Any:
            found = [e for e in self.of(run_id) if e.event == kind and all(getattr(e, k) == v for k, v in fields.items())]
            return found[times - 1] if len(found) >= times else None

        try:
            return await eventually(come, within=within, about=f"{kind} {fields} of {run_id}")
        except AssertionError as error:
            told = "\n".join(e.model_dump_json(exclude_none=True) for e in self.of(run_id))
            raise AssertionError(f"{error}\n{told}") from error


class _Server(ThreadingHTTPServer):
    # As many connections may wait as calls come at once; the kernel resets what is beyond.
    request_queue_size = 128


class Service:
    """An HTTP service that keeps what it was sent."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.at: list[float] = []  # when each call came
        self.under_way = self.most = 0  # calls at once: now, and ever
        self.delay = 0.0
        lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                with lock:
                    service.at.append(time.monotonic())
                    service.under_way += 1
                    service.most = max(service.most, service.under_way)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if service.delay:
                    time.sleep(service.delay)
                with lock:
                    service.under_way -= 1
                    status, headers = service.answers.pop(0) if service.answers else (200, {})
                    service.calls.append((self.path, body, dict(self.headers) | {"status": str(status)}))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                return

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def accepted(self) -> list[tuple[str, bytes, dict[str, str]]]:
        return [call for call in self.calls if call[2]["status"] == "200"]


class Flow:
    """One workflow of orders under names of its own: topic, queue and service."""

    def __init__(self, kafka: KafkaPart, rabbitmq: RabbitPart, service: Service) -> None:
        self.word = uuid.uuid4().hex[:8]
        self.kafka, self.rabbitmq, self.service = kafka, rabbitmq, service
        self.topic = self.queue = f"orders-{self.word}"
        self.workflow = f"flow-{self.word}"
        self.endpoints = {kind: f"{kind}-{self.word}" for kind in ("kafka", "mq", "service")}

    async def register(self, tower: Tower) -> None:
        await tower.endpoint(self.endpoints["kafka"], "kafka", {"bootstrap_servers": self.kafka.bootstrap})
        mq = {"host": "127.0.0.1", "port": self.rabbitmq.port, "username": "guest"}
        await tower.endpoint(self.endpoints["mq"], "mq", mq, {"password": "guest"})
        await tower.endpoint(self.endpoints["service"], "service", {"base_url": self.service.url}, {"bearer_token": "a-token"})

    def definition(self, *, declare: bool = True, service: bool = True, patient: bool = False, **more: Any) -> WorkflowDefinition:
        """Return the workflow; a patient one outlasts a broker that is back and does not lead its partitions yet."""
        mq = {"queue": self.queue, "declare": declare}
        quick = ExponentialRetry(first=0.3, factor=2, most=1, attempts=100 if patient else 3)
        look = quick if patient else None
        components = [
            Component(name="OrderTopic", kind="kafka", endpoint=self.endpoints["kafka"], options={"topic": self.topic}, retry=look),
            Component(name="OrderQueue", kind="mq", endpoint=self.endpoints["mq"], options=mq, retry=quick),
        ]
        connections = [Connection(source="OrderTopic", target="OrderQueue", kind="kafka-to-mq")]
        if service:
            name, retry = self.endpoints["service"], FixedRetry(every=0.3, attempts=3)
            components.append(Component(name="OrderService", kind="service", endpoint=name, options={"path": "/orders"}, retry=retry))
            connections.append(Connection(source="OrderQueue", target="OrderService", kind="processing"))
        given = {"workflow": self.workflow, "components": tuple(components), "connections": tuple(connections)}
        return WorkflowDefinition.model_validate(given | more)

    async def fill(self, count: int, *, partitions: int = 3, size: int = 0) -> list[tuple[bytes, bytes]]:
        """Write orders to the topic; return (key, body) of each. Some bodies are no text."""
        await self.kafka.create_topic(self.topic, partitions=partitions)
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all", linger_ms=20, max_batch_size=200_000)
        await producer.start()
        sent, futures = [], []
        for number in range(count):
            key = b"customer-%d" % (number % 97)
            order = {"order": number, "text": "ä" * (number % 7), "fill": "x" * size}
            body = json.dumps(order, ensure_ascii=False).encode() + b"\xff\x00"[: number % 3]
            futures.append(await producer.send(self.topic, body, key=key, headers=[("kind", b"order"), ("raw", b"\xfe\xff")]))
            sent.append((key, body))
        await asyncio.gather(*futures)
        await producer.stop()
        return sent

    async def queued(self) -> list[Any]:
        """Take everything that waits in the queue, in its order."""
        connection = await aio_pika.connect(self.rabbitmq.url)
        channel = await connection.channel()
        queue = await channel.declare_queue(self.queue, passive=True)
        count = queue.declaration_result.message_count or 0
        taken: list[Any] = []

        async def take(message: Any) -> None:
            taken.append(message)

        await queue.consume(take, no_ack=True)
        await eventually(lambda: len(taken) >= count, within=60)
        await connection.close()
        return taken

    @staticmethod
    def by_key(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for key, body in pairs:
            found[key].append(body)
        return dict(found)


@pytest.fixture(scope="session")
def executor_keys() -> Path:
    folder = scratch_folder("keys")
    keys.make(folder)
    return folder


@pytest.fixture(scope="session")
def executor(kafka: KafkaPart, postgres: PostgresPart, executor_keys: Path) -> Iterator[ExecutorPart]:
    part = ExecutorPart(kafka, postgres.fresh_database(), executor_keys)
    part.start()
    yield part
    part.process.stop()


@pytest.fixture(autouse=True)
def what_died_lives_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails between a kill and a start must not take the others with it."""
    yield
    for name in ("kafka", "postgres"):
        if name in request.fixturenames and not (part := request.getfixturevalue(name)).process.running:
            part.start()
    if "executor" in request.fixturenames and "pair" not in request.fixturenames:
        executor = request.getfixturevalue("executor")
        if not executor.process.running:
            executor.start()


@pytest.fixture(scope="session")
async def tower(kafka: KafkaPart, executor_keys: Path) -> AsyncIterator[Tower]:
    tower = Tower(kafka, executor_keys)
    await tower.start()
    yield tower
    await tower.stop()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
async def flow(tower: Tower, kafka: KafkaPart, rabbitmq: RabbitPart, service: Service) -> Flow:
    flow = Flow(kafka, rabbitmq, service)
    await flow.register(tower)
    return flow
