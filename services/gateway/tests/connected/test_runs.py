"""Starting runs, and requests that may be repeated."""

import asyncio
import json

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime.ids import new_id
from shared.testing.wait import eventually


@pytest.fixture
async def workflow(api: httpx.AsyncClient) -> str:
    endpoint, name = f"mq-{new_id()}", f"flow-{new_id()}"
    await api.post("/api/endpoints/", json={"name": endpoint, "kind": "mq", "options": {"host": "mq.example.com"}})
    text = f"workflow: {name}\ncomponents:\n  A: {{kind: mq, endpoint: {endpoint}, queue: a}}\n"
    made = await api.post("/api/workflows/", json={"yaml": text})
    assert made.status_code == 201, made.text
    return name


async def commands_for(gateway, run_id: str) -> list[dict[str, object]]:
    consumer = AIOKafkaConsumer(
        RUNS_COMMANDS.name, bootstrap_servers=gateway.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    found: list[dict[str, object]] = []
    try:
        end = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(part) < offset for part, offset in end.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [json.loads(record.value) for record in records if record.key == run_id.encode()]
    finally:
        await consumer.stop()
    return found


async def test_fifty_posts_with_one_key_start_one_run(gateway, api: httpx.AsyncClient, workflow: str) -> None:
    key = new_id()
    answers = await asyncio.gather(
        *(api.post("/api/runs/", json={"workflow": workflow}, headers={"Idempotency-Key": key}) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {202}
    (run_id,) = {answer.json()["run_id"] for answer in answers}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    runs = (await api.get("/api/runs/", params={"workflow": workflow})).json()["items"]
    assert [run["id"] for run in runs] == [run_id]
    assert runs[0]["status"] == "asked"

    async def sent() -> bool:
        return bool(await commands_for(gateway, run_id))

    await eventually(sent, within=20)
    (command,) = await commands_for(gateway, run_id)
    assert command["workflow"] == workflow
    assert command["version"] == 1


async def test_the_same_key_with_another_body_is_refused(api: httpx.AsyncClient, workflow: str) -> None:
    key = {"Idempotency-Key": new_id()}
    assert (await api.post("/api/runs/", json={"workflow": workflow}, headers=key)).status_code == 202
    other = await api.post("/api/runs/", json={"workflow": workflow, "inputs": {"day": 1}}, headers=key)
    assert other.status_code == 422
    assert "another body" in other.json()["detail"]


async def test_a_refused_request_can_be_put_right_under_its_key(api: httpx.AsyncClient, workflow: str) -> None:
    key = {"Idempotency-Key": new_id()}
    assert (await api.post("/api/runs/", json={"workflow": "no-such-flow"}, headers=key)).status_code == 422
    assert (await api.post("/api/runs/", json={"workflow": workflow}, headers=key)).status_code == 202


async def test_what_can_not_be_started_is_said_by_field(api: httpx.AsyncClient, workflow: str) -> None:
    for body, field in (
        ({"workflow": "no-such-flow"}, "workflow"),
        ({"workflow": workflow, "version": 7}, "version"),
        ({"workflow": workflow, "version": 3_000_000_000}, "version"),
        ({"workflow": workflow, "inputs": {"x": "y" * 1_000_000}}, "inputs"),
        ({"workflow": workflow, "definition": {}}, "definition"),
    ):
        answer = await api.post("/api/runs/", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
    large = await api.post("/api/runs/", json={"workflow": workflow, "inputs": {"x": "y" * 900_000}})
    assert large.status_code == 202, "what a message may bring, the API may too"
    lines = (await api.get("/api/audit/", params={"subject": large.json()["run_id"]})).json()["items"]
    assert lines[0]["after"]["inputs"] == "900,009 characters; the run holds them"


async def test_a_run_that_did_not_begin_can_not_be_retried_but_cancelled(api: httpx.AsyncClient, workflow: str) -> None:
    run_id = (await api.post("/api/runs/", json={"workflow": workflow})).json()["run_id"]
    assert (await api.post(f"/api/runs/{run_id}/retry/")).status_code == 409
    assert (await api.post(f"/api/runs/{run_id}/cancel/", json={"reason": "not needed"})).status_code == 202
    assert (await api.get(f"/api/runs/{run_id}/")).json()["cancel_asked_at"] is not None
