"""There is one way to read a topic and one way out; code that takes another fails here."""

import ast
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.runtime.consumer.batch import Batches
from shared.runtime.consumer.intake import Intake

ROOT = Path(__file__).parents[3]
SOURCES = [path for folder in ("shared/src", "services") for path in (ROOT / folder).rglob("*.py") if "/tests/" not in str(path)]

SUBSCRIBERS = {"shared/src/shared/runtime/consumer/intake.py", "shared/src/shared/runtime/consumer/bus.py"}
HTTP_CLIENTS = {"shared/src/shared/runtime/egress/client.py", "shared/src/shared/runtime/internal.py"}


def uses(path: Path) -> set[str]:
    """What a module calls, as ``name()``, and what it imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            names.add(f"{called}()")
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def offenders(forbidden: set[str], allowed: set[str]) -> dict[str, set[str]]:
    found = {str(path.relative_to(ROOT)): uses(path) & forbidden for path in SOURCES}
    return {path: names for path, names in found.items() if names and path not in allowed and "/shared/testing/" not in path}


def test_there_are_sources_to_look_at() -> None:
    assert len(SOURCES) > 40
    assert uses(ROOT / "shared/src/shared/runtime/consumer/intake.py") >= {"subscriber()", "faststream"}


def test_subscribers_are_made_by_the_bus_alone() -> None:
    faststream = {"subscriber()", "faststream", "faststream.kafka", "faststream.rabbit"}
    assert offenders(faststream, SUBSCRIBERS) == {}


def test_http_clients_are_made_by_the_egress_alone() -> None:
    """Every client of an address that people typed comes from the egress, so that none skips the policy."""
    clients = {
        "AsyncClient()",
        "Client()",
        "AsyncHTTPTransport()",
        "HTTPTransport()",
        "ClientSession()",
        "requests",
        "aiohttp",
        "urllib.request",
    }
    assert offenders(clients, HTTP_CLIENTS) == {}


def test_a_subscriber_that_is_not_ours_is_found(tmp_path) -> None:
    module = tmp_path / "sneaky.py"
    module.write_text("from faststream.kafka import KafkaBroker\nbroker = KafkaBroker()\n@broker.subscriber('t')\nasync def f(): ...\n")
    assert {"subscriber()", "KafkaBroker()", "faststream.kafka"} <= uses(module)


def test_every_subscriber_commits_by_hand(notes) -> None:
    broker = KafkaBroker("127.0.0.1:1", apply_types=False)  # its default acknowledges before the handler runs
    intake = Intake(Batches(notes, "station.notes", None, None), member="station-0", max_records=7)
    intake.subscribe(broker)
    (subscriber,) = broker.subscribers
    assert subscriber.ack_policy is AckPolicy.MANUAL
    assert subscriber._connection_args["enable_auto_commit"] is False
    assert subscriber._connection_args["group_instance_id"] == "station-0"
    assert subscriber._connection_args["auto_offset_reset"] == "earliest"
    assert subscriber.group_id == "station.notes"


@pytest.mark.connected
async def test_a_bare_commit_would_claim_what_is_not_handled(kafka, outside, notes) -> None:
    """Why offsets are explicit: after a fetch the client's position is behind the whole batch, handled or not."""
    await kafka.create_topic(notes.name)
    for number in range(5):
        await outside.send_and_wait(notes.name, b"%d" % number)
    consumer = AIOKafkaConsumer(
        notes.name, bootstrap_servers=kafka.bootstrap, group_id=notes.name, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        while not (batch := await consumer.getmany(timeout_ms=500)):
            pass
        (partition,) = batch
        await consumer.commit()
        assert await consumer.committed(partition) == 5
    finally:
        await consumer.stop()
