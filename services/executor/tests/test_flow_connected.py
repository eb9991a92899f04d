"""Orders from a real Kafka topic through a real queue to a real HTTP service, and what happens when parts of it fail."""

import asyncio
import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.runs import CancelRun, RetryRun, StartRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.contracts.workflows import (
    Component,
    Connection,
    EventTrigger,
    ExponentialRetry,
    FixedRetry,
    WorkflowDefinition,
)
from shared.testing.kafka import KafkaPart
from shared.testing.rabbitmq import RabbitPart
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected

QUICK = ExponentialRetry(first=0.3, factor=2, most=1, attempts=3)


class Service:
    """An HTTP service that keeps what it was sent."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.delay = 0.0
        lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if service.delay:
                    time.sleep(service.delay)
                with lock:
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

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def accepted(self) -> list[tuple[str, bytes, dict[str, str]]]:
        return [call for call in self.calls if call[2]["status"] == "200"]


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
async def names(tower: Any, kafka: KafkaPart, rabbitmq: RabbitPart, service: Service) -> AsyncIterator[dict[str, str]]:
    """Endpoints under fresh names."""
    word = uuid.uuid4().hex[:8]
    names = {"kafka": f"kafka-{word}", "mq": f"mq-{word}", "service": f"service-{word}", "word": word}
    await tower.endpoint(names["kafka"], "kafka", {"bootstrap_servers": kafka.bootstrap})
    mq = {"host": "127.0.0.1", "port": rabbitmq.port, "username": "guest"}
    await tower.endpoint(names["mq"], "mq", mq, {"password": "guest"})
    await tower.endpoint(names["service"], "service", {"base_url": service.url}, {"bearer_token": "a-token"})
    yield names


def orders(names: dict[str, str], *, declare: bool = True, service: bool = True, **more: Any) -> WorkflowDefinition:
    word = names["word"]
    mq = {"queue": f"orders-{word}", "declare": declare}
    components = [
        Component(name="OrderTopic", kind="kafka", endpoint=names["kafka"], options={"topic": f"orders-{word}"}),
        Component(name="OrderQueue", kind="mq", endpoint=names["mq"], options=mq, retry=QUICK),
    ]
    connections = [Connection(source="OrderTopic", target="OrderQueue", kind="kafka-to-mq")]
    if service:
        retry = FixedRetry(every=0.3, attempts=3)
        components.append(Component(name="OrderService", kind="service", endpoint=names["service"], options={"path": "/orders"}, retry=retry))
        connections.append(Connection(source="OrderQueue", target="OrderService", kind="processing"))
    return WorkflowDefinition(workflow=f"flow-{word}", components=tuple(components), connections=tuple(connections), **more)


async def fill(kafka: KafkaPart, topic: str, count: int, *, partitions: int = 3, size: int = 0) -> list[tuple[bytes, bytes]]:
    await kafka.create_topic(topic, partitions=partitions)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", linger_ms=20, max_batch_size=200_000)
    await producer.start()
    sent = []
    futures = []
    for number in range(count):
        key = b"customer-%d" % (number % 97)
        body = json.dumps({"order": number, "text": "ä" * (number % 7), "fill": "x" * size}, ensure_ascii=False).encode() + b"\xff\x00"[: number % 3]
        futures.append(await producer.send(topic, body, key=key, headers=[("kind", b"order"), ("raw", b"\xfe\xff")]))
        sent.append((key, body))
    await asyncio.gather(*futures)
    await producer.stop()
    return sent


def by_key(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for key, body in pairs:
        found[key].append(body)
    return dict(found)


async def queued(rabbitmq: RabbitPart, queue: str) -> list[Any]:
    async with rabbitmq.admin() as queues:
        return await queues.take_all(queue)


async def test_ten_thousand_orders_reach_the_queue_byte_equal_and_in_order(
    executor: Any, tower: Any, kafka: KafkaPart, rabbitmq: RabbitPart, names: dict[str, str]
) -> None:
    sent = await fill(kafka, f"orders-{names['word']}", 10_000)
    await tower.publish(orders(names, service=False))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=f"flow-{names['word']}", run_id=run), run)
    ended = await tower.until(run, "run.finished", within=60)
    assert ended.status == "succeeded"
    finished = await tower.until(run, "component.finished", component="OrderQueue")
    assert finished.transfer.confirmed == finished.transfer.total == 10_000
    assert finished.transfer.duplicates_possible == 0
    assert finished.idempotency_key == f"{run}:OrderQueue:1"
    messages = await queued(rabbitmq, f"orders-{names['word']}")
    assert len(messages) == 10_000
    assert by_key([(m.headers["flowtower-key"].encode(), m.body) for m in messages]) == by_key(sent)
    assert all(m.headers["kind"] == "order" and bytes(m.headers["raw"]) == b"\xfe\xff" for m in messages)
    assert len({m.message_id for m in messages}) == 10_000
    events = tower.of(run)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_orders_go_on_to_the_service_each_once_and_in_order(
    executor: Any, tower: Any, kafka: KafkaPart, rabbitmq: RabbitPart, service: Service, names: dict[str, str]
) -> None:
    sent = await fill(kafka, f"orders-{names['word']}", 1500)
    await tower.publish(orders(names))
    run = uuid.uuid4().hex
    service.answers = [(200, {})] * 40 + [(503, {"Retry-After": "1"})]
    await tower.command(StartRun(workflow=f"flow-{names['word']}", run_id=run), run)
    ended = await tower.until(run, "run.finished", within=90)
    assert ended.status == "succeeded"
    failed = await tower.until(run, "attempt.failed", component="OrderService")
    assert failed.failure.code == "HttpStatus"
    assert "503" in failed.failure.message
    assert (failed.next_attempt_at - failed.at).total_seconds() == pytest.approx(1.0, abs=0.01)
    finished = await tower.until(run, "component.finished", component="OrderService")
    assert finished.transfer.confirmed == 1500
    accepted = service.accepted
    keys = [call[2]["Idempotency-Key"] for call in accepted]
    first = {key: call for key, call in reversed(list(zip(keys, accepted, strict=True)))}
    assert len(first) == 1500
    assert len(accepted) - 1500 <= finished.transfer.duplicates_possible
    assert sorted(call[1] for call in first.values()) == sorted(body for _, body in sent)
    trace = (await tower.until(run, "run.started")).trace_id
    assert all(call[2]["traceparent"].split("-")[1] == trace and call[2]["Authorization"] == "Bearer a-token" for call in accepted)
    async with rabbitmq.admin() as queues:
        assert await queues.count(f"orders-{names['word']}") == 0


async def test_a_missing_queue_fails_clearly_and_that_component_alone_is_retried(
    executor: Any, tower: Any, kafka: KafkaPart, rabbitmq: RabbitPart, service: Service, names: dict[str, str]
) -> None:
    queue = f"orders-{names['word']}"
    await fill(kafka, queue, 300)
    await tower.publish(orders(names, declare=False))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=f"flow-{names['word']}", run_id=run), run)
    ended = await tower.until(run, "run.finished", within=30)
    assert ended.status == "failed"
    failures = [event for event in tower.of(run) if event.event == "attempt.failed"]
    assert [event.attempt for event in failures] == [1, 2, 3]
    assert {event.failure.code for event in failures} == {"QueueNotFound"}
    assert failures[0].failure.message == f"Queue “{queue}” does not exist on {names['mq']}. Create it, or set declare: true."
    waits = [(event.next_attempt_at - event.at).total_seconds() for event in failures[:2]]
    assert waits == pytest.approx([0.3, 0.6], abs=0.01)
    assert failures[2].next_attempt_at is None
    assert (await tower.until(run, "component.finished", component="OrderService")).status == "upstream_failed"
    before = dict(tower.raw)
    async with rabbitmq.admin() as queues:
        await queues.declare(queue)
    await tower.command(RetryRun(run_id=run, components=("OrderQueue",), requested_by="me"), run)
    ended = await tower.until(run, "run.finished", within=30, times=2)
    assert ended.status == "succeeded"
    reopened = await tower.until(run, "run.reopened")
    assert reopened.again == {"OrderQueue": 2, "OrderService": 2}
    assert reopened.stays == ("OrderTopic",)
    assert len(service.accepted) == 300
    assert {place: tower.raw[place] for place in before} == before
    assert [e.generation for e in tower.of(run) if e.event == "component.finished" and e.component == "OrderTopic"] == [1]


async def test_cancel_stops_a_transfer_within_a_second(
    executor: Any, tower: Any, kafka: KafkaPart, rabbitmq: RabbitPart, service: Service, names: dict[str, str]
) -> None:
    await fill(kafka, f"orders-{names['word']}", 400)
    service.delay = 0.2
    await tower.publish(orders(names))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=f"flow-{names['word']}", run_id=run), run)
    await tower.until(run, "attempt.started", component="OrderService")
    await eventually(lambda: len(service.calls) > 20, within=20)
    asked = time.monotonic()
    await tower.command(CancelRun(run_id=run, reason="wrong day"), run)
    ended = await tower.until(run, "run.finished", within=10)
    assert time.monotonic() - asked < 2
    assert ended.status == "cancelled"
    assert ended.message == "wrong day"
    calls = len(service.calls)
    await asyncio.sleep(1)
    assert len(service.calls) - calls <= 16
    finished = await tower.until(run, "component.finished", component="OrderService")
    assert finished.status == "cancelled"
    assert 0 < finished.transfer.confirmed < 400


async def test_a_plain_producer_starts_a_run_and_garbage_costs_nobody_anything(
    executor: Any, tower: Any, kafka: KafkaPart, rabbitmq: RabbitPart, names: dict[str, str]
) -> None:
    await fill(kafka, f"orders-{names['word']}", 10)
    await tower.publish(orders(names, service=False, triggers=(EventTrigger(),)))
    closed = orders(names | {"word": names["word"]}, service=False).model_copy(update={"workflow": f"closed-{names['word']}"})
    await tower.publish(closed)
    send = tower.producer.send_and_wait
    trace = f"00-{uuid.uuid4().hex}-00f067aa0ba902b7-01"
    await send(RUNS_COMMANDS.name, b"\x00 this is no JSON " + names["word"].encode(), partition=0)
    await send(RUNS_COMMANDS.name, b'{"command":"start"}', partition=0)
    start = {"command": "start", "workflow": f"flow-{names['word']}", "inputs": {"n": 1}}
    answer = await send(RUNS_COMMANDS.name, json.dumps(start).encode(), partition=0, headers=[("traceparent", trace.encode())])
    await send(RUNS_COMMANDS.name, json.dumps(start | {"workflow": f"closed-{names['word']}"}).encode(), partition=0)
    await send(RUNS_COMMANDS.name, json.dumps(start | {"workflow": "nowhere"}).encode(), partition=0)

    def started() -> Any:
        return next((e for e in tower.events if e.event == "run.started" and e.workflow == f"flow-{names['word']}"), None)

    begun = await eventually(started, within=20)
    assert begun.run_id == f"{RUNS_COMMANDS.name}:0:{answer.offset}:{answer.timestamp}"
    assert begun.trigger == "event"
    assert begun.trace_id == trace.split("-")[1]
    assert begun.parent_span_id == "00f067aa0ba902b7"
    assert (await tower.until(begun.run_id, "run.finished")).status == "succeeded"

    def refused() -> Any:
        return {e.workflow: e.reason for e in tower.events if e.event == "command.refused" and e.command == "start"}

    await eventually(lambda: {"nowhere", f"closed-{names['word']}"} <= set(refused()), within=20)
    assert "triggers" in refused()[f"closed-{names['word']}"]
    dead = await kafka.read(RUNS_COMMANDS.dead_letter("executor.commands"), at_least=2)
    mine = [record for record in dead if record.value.endswith(names["word"].encode())]
    assert len(mine) == 1
    assert dict(mine[0].headers)["dl_kind"] == b"undecodable"
