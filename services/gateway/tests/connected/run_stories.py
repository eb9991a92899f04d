"""Runs as an executor would tell them, and what was asked of it."""

import json
from datetime import timedelta
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer

from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.wait import eventually

YAML = """workflow: {name}
inputs:
  order: {{type: [object, integer], default: 0}}
components:
  A: {{kind: mq, endpoint: {endpoint}, queue: a}}
  B: {{kind: service, endpoint: {service}, path: /b}}
connections:
  - {{from: A, to: B, kind: processing}}
"""


async def published(api: httpx.AsyncClient) -> tuple[str, str]:
    """Publish a workflow of two components and return its name and id."""
    endpoint, service, name = f"mq-{new_id()}", f"service-{new_id()}", f"flow-{new_id()}"
    await api.post("/api/endpoints/", json={"name": endpoint, "kind": "mq", "options": {"host": "mq.example.com"}})
    await api.post("/api/endpoints/", json={"name": service, "kind": "service", "options": {"base_url": "https://s.example.com"}})
    made = await api.post("/api/workflows/", json={"yaml": YAML.format(name=name, endpoint=endpoint, service=service)})
    assert made.status_code == 201, made.text
    return name, made.json()["id"]


def failed(run_id: str, workflow: str, workflow_id: str, *, key: str, minutes: int = 0, **started: Any) -> list[Any]:
    """A run whose A succeeded and whose B failed."""
    at = now() - timedelta(minutes=minutes)
    of = {"run_id": run_id, "workflow_id": workflow_id, "at": at}
    failure = build.failure(code="QueueNotFound", message="There is no queue.")
    return [
        build.run_started(**of, seq=1, workflow=workflow, business_key=key, inputs={"order": {"id": key, "shop": "eu-1"}}, **started),
        build.attempt_started(**of, seq=2, component="A"),
        build.component_finished(**of, seq=3, component="A", status="succeeded", output={"queued": 3}),
        build.attempt_started(**of, seq=4, component="B"),
        build.attempt_failed(**of, seq=5, component="B", failure=failure, decision="fail", why="No strategy is declared."),
        build.component_finished(**of, seq=6, component="B", status="failed", failure=failure, started_at=at),
        build.run_finished(**of, seq=7, status="failed", workflow=workflow),
    ]


async def shown(api: httpx.AsyncClient, run_id: str, seq: int) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        answer = await api.get(f"/api/runs/{run_id}/")
        return answer.json() if answer.status_code == 200 and answer.json()["seq"] >= seq else None

    found: dict[str, Any] = await eventually(there, within=20)
    return found


async def commands_of(gateway: Any, *run_ids: str) -> list[tuple[dict[str, Any], str]]:
    """Return every command about these runs, each with its event id."""
    consumer = AIOKafkaConsumer(
        RUNS_COMMANDS.name, bootstrap_servers=gateway.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    found = []
    try:
        end = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(part) < offset for part, offset in end.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                ours = [record for record in records if record.key.decode() in run_ids]
                found += [(json.loads(record.value), dict(record.headers)["ce_id"].decode()) for record in ours]
    finally:
        await consumer.stop()
    return found


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
