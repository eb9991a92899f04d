"""Databases as ends of connections: rows and messages arrive as they were, and a repeat changes nothing."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.contracts.runs import RetryRun, StartRun
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.usefixtures("executor")]


@pytest.fixture
async def orders(tower: Any, flow: Any, postgres: PostgresPart) -> AsyncIterator[asyncpg.Connection]:
    """Give a database with orders that the flow's endpoints know."""
    url = await asyncio.to_thread(postgres.fresh_database)
    connection = await asyncpg.connect(url)
    await connection.execute("""
        CREATE TABLE orders (id bigint PRIMARY KEY, customer text, note text);
        INSERT INTO orders SELECT n, 'customer-' || n % 7, repeat('ä', n % 9) FROM generate_series(1, 1200) AS n;
        CREATE TABLE copies (id bigint PRIMARY KEY, customer text, note text);
        CREATE TABLE events (event text PRIMARY KEY, body bytea);
    """)
    parts = urlsplit(url)
    options = {"host": "127.0.0.1", "port": parts.port, "database": parts.path[1:], "username": parts.username}
    flow.endpoints |= {"database": f"database-{flow.word}", "api": f"api-{flow.word}"}
    await tower.endpoint(flow.endpoints["database"], "database", options, {"password": parts.password})
    await tower.endpoint(flow.endpoints["api"], "api", {"base_url": flow.service.url}, {"bearer_token": "a-token"})
    yield connection
    await connection.close()


async def run_of(
    tower: Any, flow: Any, kinds: dict[str, tuple[str, dict[str, Any]]], edges: list[tuple[str, str, str]], **more: Any
) -> str:
    components = tuple(
        Component(name=name, kind=kind, endpoint=flow.endpoints[kind], options=options, **more) for name, (kind, options) in kinds.items()
    )
    connections = tuple(Connection(source=a, target=b, kind=join) for a, b, join in edges)
    await tower.publish(WorkflowDefinition(workflow=flow.workflow, components=components, connections=connections))
    return await started(tower, flow)


async def started(tower: Any, flow: Any) -> str:
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run, inputs={"low": 200}), run)
    ended = await tower.until(run, "run.finished", within=60)
    assert ended.status == "succeeded", [event for event in tower.of(run) if event.event == "attempt.failed"]
    return run


async def test_rows_go_over_a_topic_and_a_queue_into_tables_and_again_changes_nothing(
    tower: Any, flow: Any, kafka: KafkaPart, orders: asyncpg.Connection
) -> None:
    await kafka.create_topic(flow.topic, partitions=3)
    query = {"query": "SELECT * FROM orders WHERE id > $1", "parameters": ["inputs.low"], "order_by": "id", "key": "customer"}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "Orders": ("database", query),
        "Topic": ("kafka", {"topic": flow.topic}),
        "Queue": ("mq", {"queue": flow.queue, "declare": True}),
        "Copies": ("database", {"table": "copies", "key_columns": ["id"]}),
        "Events": ("database", {"table": "events", "body_column": "body", "idempotency_column": "event"}),
        "Direct": ("database", {"table": "orders_too", "key_columns": ["id"]}),
        "Count": ("database", {"statement": "UPDATE orders SET note = note WHERE id <= $1", "parameters": ["outputs.Copies.messages"]}),
        "Tell": ("api", {"method": "POST", "path": "/told/{outputs.Count.rows_affected}", "expect": [200]}),
    }
    edges = [
        ("Orders", "Topic", "database-to-kafka"),
        ("Orders", "Queue", "database-to-mq"),
        ("Orders", "Direct", "database-to-database"),
        ("Topic", "Copies", "kafka-to-database"),
        ("Queue", "Events", "mq-to-database"),
        ("Copies", "Count", "then"),
        ("Count", "Tell", "api-call"),
    ]
    await orders.execute("CREATE TABLE orders_too (LIKE orders INCLUDING ALL)")
    run = await run_of(tower, flow, kinds, edges)
    expected = [
        tuple(row) for row in await orders.fetch("SELECT row_to_json(o)::text, customer FROM orders AS o WHERE id > 200 ORDER BY id")
    ]
    records = await kafka.read(flow.topic, at_least=1000)
    by_key = flow.by_key([(customer.encode(), body.encode()) for body, customer in expected])
    assert flow.by_key([(record.key, record.value) for record in records]) == by_key
    bodies = [bytes(row[0]) for row in await orders.fetch("SELECT body FROM events ORDER BY split_part(event, ':', 5)::bigint")]
    assert bodies == [body.encode() for body, _ in expected]
    same = "SELECT count(*) FROM {} AS c JOIN orders AS o USING (id, customer, note)"
    assert [await orders.fetchval(same.format(table)) for table in ("copies", "orders_too")] == [1000, 1000]
    assert [call[0] for call in flow.service.accepted] == ["/told/1000"]
    finished = await tower.until(run, "component.finished", component="Copies")
    assert (finished.transfer.confirmed, finished.transfer.total, finished.transfer.duplicates_possible) == (1000, 1000, 0)
    # The same workflow again, and one component again: no row of the tables with a key gets a new version.
    versions = "SELECT id, xmin::text, ctid::text FROM copies UNION ALL SELECT id, xmin::text, ctid::text FROM orders_too ORDER BY 1, 2, 3"
    before = await orders.fetch(versions)
    second = await started(tower, flow)
    await tower.command(RetryRun(run_id=second, components=("Direct",)), second)
    await tower.until(second, "run.finished", times=2)
    assert await orders.fetch(versions) == before


async def test_a_kill_in_the_middle_leaves_no_row_twice(executor: Any, tower: Any, flow: Any, orders: asyncpg.Connection) -> None:
    sent = await flow.fill(30_000)
    await orders.execute("CREATE INDEX ON events (md5(body))")
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "Topic": ("kafka", {"topic": flow.topic}),
        "Events": ("database", {"table": "events", "body_column": "body", "idempotency_column": "event"}),
    }
    running = asyncio.create_task(
        run_of(tower, flow, kinds, [("Topic", "Events", "kafka-to-database")], retry=FixedRetry(every=0.2, attempts=3))
    )
    await eventually(lambda: _holds(orders, 1000), within=60, every=0.02)
    os.kill(executor.process.pid, signal.SIGKILL)
    await eventually(lambda: not executor.process.running, within=30)
    there = await orders.fetchval("SELECT count(*) FROM events")
    assert 0 < there < 30_000
    executor.process.stop()
    await asyncio.to_thread(executor.start)
    run = await running
    bodies = [bytes(row[0]) for row in await orders.fetch("SELECT body FROM events")]
    assert sorted(bodies) == sorted(body for _, body in sent)
    codes = {event.failure.code for event in tower.of(run) if event.event == "attempt.failed"}
    assert codes == {"ExecutorLost"}


async def _holds(connection: asyncpg.Connection, least: int) -> bool:
    return bool(await connection.fetchval("SELECT count(*) FROM events") >= least)


async def test_a_missing_table_is_tried_again_and_what_can_not_work_is_final(tower: Any, flow: Any, orders: asyncpg.Connection) -> None:
    async def failed(kind: dict[str, Any], code: str) -> Any:
        flow.workflow = f"flow-{uuid.uuid4().hex[:8]}"
        part = Component(
            name="One", kind="database", endpoint=flow.endpoints["database"], options=kind, retry=FixedRetry(every=0.3, attempts=2)
        )
        await tower.publish(WorkflowDefinition(workflow=flow.workflow, components=(part,)))
        run = uuid.uuid4().hex
        await tower.command(StartRun(workflow=flow.workflow, run_id=run), run)
        assert (await tower.until(run, "run.finished")).status == "failed"
        events = [event for event in tower.of(run) if event.event == "attempt.failed"]
        assert {event.failure.code for event in events} == {code}
        return len(events)

    assert await failed({"query": "SELECT * FROM nowhere"}, "TableNotFound") == 2
    assert await failed({"statement": "INSERT INTO orders (id) VALUES (1)"}, "ConstraintViolated") == 1
    assert await failed({"query": "DELETE FROM orders RETURNING id", "order_by": "id"}, "StatementInvalid") == 1
    assert await orders.fetchval("SELECT count(*) FROM orders") == 1200
