"""Runs found by what people know of them, and what can be asked of one: over a real Kafka and PostgreSQL."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.runs import AttemptHeld, CommandRefused, RunPaused, RunReopened
from shared.contracts.topics import RUNS_COMMANDS, RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.ports import free_port
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.wait import eventually

UI = Path(__file__).parents[4] / "services" / "ui"
# As the first user of this folder's conftest.
NAME, PASSWORD = "ada", "correct horse battery staple"
YAML = """workflow: {name}
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


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
async def broken(gateway, api: httpx.AsyncClient) -> dict[str, Any]:
    """A run that failed, as the API shows it."""
    name, workflow_id = await published(api)
    run_id, key = new_id(), f"order-{new_id()}"
    events = failed(run_id, name, workflow_id, key=key, trigger="schedule:nightly")
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in events])
    return await shown(api, run_id, 7)


async def test_runs_are_found_by_key_id_input_state_trigger_and_time_page_by_page(gateway, api: httpx.AsyncClient) -> None:
    name, workflow_id = await published(api)
    ids, keys = [new_id() for _ in range(5)], [f"key-{new_id()}" for _ in range(5)]
    for number, run_id in enumerate(ids):
        trigger = "schedule:nightly" if number % 2 else "api"
        events = failed(run_id, name, workflow_id, key=keys[number], minutes=number * 10, trigger=trigger)
        await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in (events if number else events[:4])])
    await shown(api, ids[-1], 7)
    await shown(api, ids[0], 4)

    async def found(**wanted: Any) -> list[str]:
        answer = await api.get("/api/runs/", params={"workflow": name, **wanted})
        assert answer.status_code == 200, answer.text
        return [run["id"] for run in answer.json()["items"]]

    assert await found() == ids
    assert await found(q=keys[2]) == [ids[2]]
    assert await found(q=keys[2][4:].upper()) == [ids[2]]
    assert await found(q=ids[3][-12:]) == [ids[3]]
    assert await found(q='"shop": "eu-1"') == ids
    assert await found(q="eu") == ids
    assert await found(q="%_") == []
    assert await found(status="running") == [ids[0]]
    assert await found(status="running,failed") == ids
    assert await found(trigger="schedule") == [ids[1], ids[3]]
    assert await found(trigger="schedule:weekly") == []
    since = (now() - timedelta(minutes=25)).isoformat()
    assert await found(since=since) == ids[:3]
    assert await found(until=since, status="failed") == ids[3:]
    first = await api.get("/api/runs/", params={"workflow": name, "limit": 2})
    second = await api.get("/api/runs/", params={"workflow": name, "limit": 2, "after": first.json()["next"]})
    assert [run["id"] for run in second.json()["items"]] == ids[2:4]
    counts = (await api.get("/api/runs/counts/", params={"workflow": workflow_id})).json()
    assert (counts["counts"]["failed"], counts["counts"]["running"], counts["counts"]["parked"], counts["more"]) == (4, 1, 0, [])
    for wrong, field in ((("status", "faild"), "status"), (("since", "yesterday"), "since")):
        answer = await api.get("/api/runs/", params={wrong[0]: wrong[1]})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert "failed" in (await api.get("/api/runs/", params={"status": "faild"})).json()["errors"][0]["hint"]


async def test_a_retry_is_previewed_asked_once_and_refused_to_the_second(gateway, api: httpx.AsyncClient, broken: dict[str, Any]) -> None:
    url, run_id = f"/api/runs/{broken['id']}/retry/", broken["id"]
    looked = (await api.get(f"{url}preview/")).json()
    assert (looked["may"], looked["again"], looked["stays"], looked["seq"]) == (True, {"B": 2}, ["A"], 7)
    both = (await api.get(f"{url}preview/", params={"component": "A", "scope": "slice", "until": "B"})).json()
    assert (both["again"], both["succeeded_before"]) == ({"A": 2, "B": 2}, ["A"])
    refused = (await api.get(f"{url}preview/", params={"component": "Z"})).json()
    assert (refused["may"], refused["refused"][0]["field"]) == (False, "components")
    assert (await api.post(url, json={"components": ["Z"]})).status_code == 422
    assert (await api.post(url, json={"components": ["B"], "version": 9})).json()["errors"][0]["field"] == "version"
    assert (await api.post(url, json={"components": ["B"], "extra": 1})).status_code == 422
    stale = await api.post(url, json={"components": ["B"], "expected_seq": 5})
    assert (stale.status_code, stale.json()["errors"][0]["field"]) == (409, "expected_seq")
    key = {"Idempotency-Key": new_id()}
    body = {"components": ["A"], "scope": "slice", "until": "B", "inputs": {"order": 2}, "reason": "the queue stands again"}
    first, again = await api.post(url, json=body, headers=key), await api.post(url, json=body, headers=key)
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (202, 202, "true")

    async def sent() -> bool:
        return bool(await commands_of(gateway, run_id))

    await eventually(sent, within=20)
    ((command, _),) = await commands_of(gateway, run_id)
    assert (command["scope"], command["until"], command["inputs"], command["expected_seq"]) == ("slice", "B", {"order": 2}, 7)
    of = {"run_id": run_id, "workflow_id": broken["workflow_id"], "at": now()}
    no = CommandRefused(**of, seq=8, command="retry", reason="The run has gone on since.", requested_by="ada")
    await gateway.publish(RUNS_OUTCOMES, (run_id, no))
    await shown(api, run_id, 8)
    lines = (await api.get("/api/audit/", params={"subject": run_id})).json()["items"]
    (entry,) = [item for item in lines if item["action"] == "run.retry"]
    assert (entry["who"], entry["reason"]) == ("ada", "the queue stands again")
    assert entry["before"]["components"] == {"A": "succeeded", "B": "failed"}
    assert entry["after"]["again"] == {"A": 2, "B": 2}


@pytest.fixture
async def browser(gateway, first_user: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the pages of a second replica, which serves them beside the API."""
    if not (UI / "dist" / "icons.json").exists():
        pytest.fail("The front end is not built: run `npm ci --ignore-scripts && npm run build` in services/ui.")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {"FLOWTOWER_PORT": str(port), "FLOWTOWER_PUBLIC_URL": url, "FLOWTOWER_UI_DIR": str(UI), "FLOWTOWER_INSTANCE": f"pages-{port}"}
    command = [sys.executable, "-m", "gateway"]
    process = PartProcess("gateway pages", command, folder=scratch_folder("gateway-pages"), env=gateway.environment | own)
    await asyncio.to_thread(process.start, lambda: _ready(url), within=90)
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            signed = await client.post("/api/account/sign-in/", json={"name": NAME, "password": PASSWORD})
            client.headers.update({"X-CSRF-Token": signed.json()["csrf_token"], "Accept": "text/html", "Origin": url})
            yield client
    finally:
        await asyncio.to_thread(process.stop)


async def test_pages_show_the_refusal_the_waits_and_the_menu(gateway, browser: httpx.AsyncClient, api, broken: dict[str, Any]) -> None:
    run_id = broken["id"]
    of = {"run_id": run_id, "workflow_id": broken["workflow_id"], "at": now()}
    no = CommandRefused(**of, seq=8, command="retry", reason="Somebody was quicker.", requested_by="ada")
    await gateway.publish(RUNS_OUTCOMES, (run_id, no))
    await shown(api, run_id, 8)
    page = (await browser.get(f"/runs/{run_id}/")).text
    assert "Somebody was quicker." in page
    assert "No strategy is declared." in page
    menu = (await browser.get(f"/runs/{run_id}/retry/", params={"component": "A", "scope": "following"})).text
    assert "Succeeded before: what it did is done a second time." in menu
    form = {"menu": "1", "component": "B", "scope": "only", "inputs": "{day", "csrf_token": browser.headers["X-CSRF-Token"]}
    wrong = await browser.post(f"/runs/{run_id}/retry/", data=form)
    assert (wrong.status_code, "This is not a JSON object." in wrong.text, "{day" in wrong.text) == (422, True, True)
    nul = await browser.post(f"/runs/{run_id}/retry/", data=form | {"inputs": '{"day": "\\u0000"}'})
    assert (nul.status_code, "NUL" in nul.text) == (422, True)
    taken = await browser.post(f"/runs/{run_id}/retry/", data=form | {"inputs": "", "expected_seq": "8"})
    assert (taken.status_code, taken.headers["location"]) == (303, f"/runs/{run_id}/")
    reopened = RunReopened(**of, seq=9, again={"B": 2}, stays=("A",), requested_by="ada")
    held = AttemptHeld(**of, seq=11, component="B", generation=2, limit="breaker", reason="The breaker of “mq” is open.")
    started = build.attempt_started(**of, seq=10, component="B", generation=2)
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in (reopened, started, held)])
    run = await shown(api, run_id, 11)
    assert run["components"][1]["held"]["limit"] == "breaker"
    page = (await browser.get(f"/runs/{run_id}/")).text
    assert "Somebody was quicker." not in page.split('id="audit"')[0].split('id="waits"')[0]
    assert "The breaker of “mq” is open." in page
    beside = await browser.get("/runs/compare/", params={"a": run_id, "b": run_id})
    assert "Nothing differs but their times" in beside.text
    assert (await browser.get("/runs/", params={"q": broken["business_key"], "state": "running,nonsense"})).status_code == 200


async def test_pausing_and_resuming_are_asked_with_their_reason(gateway, api: httpx.AsyncClient) -> None:
    name, workflow_id = await published(api)
    run_id = new_id()
    events = failed(run_id, name, workflow_id, key="k")[:2]
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in events])
    await shown(api, run_id, 2)
    assert (await api.post(f"/api/runs/{run_id}/resume/")).status_code == 409
    assert (await api.post(f"/api/runs/{run_id}/pause/", json={"reason": "repair"})).status_code == 202
    paused = RunPaused(run_id=run_id, workflow_id=workflow_id, seq=3, at=now(), reason="repair", requested_by="ada")
    await gateway.publish(RUNS_OUTCOMES, (run_id, paused))
    run = await shown(api, run_id, 3)
    assert (run["status"], run["paused_by"], run["pause_reason"]) == ("paused", "ada", "repair")
    assert (await api.post(f"/api/runs/{run_id}/pause/")).status_code == 409
    assert (await api.post(f"/api/runs/{run_id}/resume/")).status_code == 202
    log = (await api.get(f"/api/runs/{run_id}/events/", params={"q": "repair"})).json()["items"]
    assert [event["event"] for event in log] == ["run.paused"]
    assert (await api.get(f"/api/runs/{run_id}/events/", params={"component": "A"})).json()["items"][0]["seq"] == 2

    async def both() -> bool:
        return [command["command"] for command, _ in await commands_of(gateway, run_id)] == ["pause", "resume"]

    await eventually(both, within=20)


async def test_a_bulk_retry_asks_each_run_once_although_the_gateway_is_killed(gateway, api: httpx.AsyncClient) -> None:
    name, workflow_id = await published(api)
    ids = [new_id() for _ in range(14)]
    other = new_id()
    for run_id in ids:
        await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in failed(run_id, name, workflow_id, key="k")])
    moving = failed(other, name, workflow_id, key="k")[:3]
    await gateway.publish(RUNS_OUTCOMES, *[(other, event) for event in moving])
    await shown(api, other, 3)
    await asyncio.gather(*(shown(api, run_id, 7) for run_id in ids))
    selection = {"selection": {"workflow": name, "status": "failed,running"}, "per_second": 4, "reason": "the queue stands again"}
    looked = (await api.post("/api/runs/bulk/preview/", json=selection)).json()
    assert (looked["total"], looked["by_workflow"], looked["by_failure"]) == (14, {name: 14}, {"QueueNotFound": 14})
    assert looked["excluded"] == {"are still moving: wait for their end": 1}
    made = await api.post("/api/runs/bulk/", json=selection, headers={"Idempotency-Key": new_id()})
    assert made.status_code == 201, made.text
    url = f"/api/runs/bulk/{made.json()['bulk_id']}/"
    assert "another bulk retry" in (await api.post("/api/runs/bulk/", json=selection)).json()["detail"]

    async def counts() -> dict[str, int]:
        found: dict[str, int] = (await api.get(url)).json()["counts"]
        return found

    async def begun() -> bool:
        return 0 < (await counts()).get("asked", 0) < 14

    await eventually(begun, within=20, every=0.05)
    gateway.process.kill()
    bulk_id = made.json()["bulk_id"]
    assert await gateway.rows("SELECT place FROM bulk_retry_items WHERE bulk_id = $1 AND status = 'waiting'", bulk_id)
    await asyncio.to_thread(gateway.process.start, lambda: _ready(gateway.url), within=90)

    async def done() -> bool:
        return (await api.get(url)).json()["status"] == "done"

    await eventually(done, within=30)

    async def all_sent() -> list[tuple[dict[str, Any], str]] | None:
        found = await commands_of(gateway, *ids)
        return found if len({event_id for _, event_id in found}) == 14 else None

    found = await eventually(all_sent, within=30)
    items = (await api.get(f"{url}items/", params={"limit": 100})).json()["items"]
    wanted = {(item["run_id"], f"bulk:{bulk_id}:{item['place']}") for item in items}
    assert {(command["run_id"], event_id) for command, event_id in found} == wanted
    asker = found[0][0]["requested_by"]
    of = {"workflow_id": workflow_id, "at": now()}
    no = CommandRefused(**of, run_id=ids[0], seq=8, command="retry", reason="It has gone on.", requested_by=asker)
    yes = [RunReopened(**of, run_id=run_id, seq=8, again={"B": 2}, stays=("A",), requested_by=asker) for run_id in ids[1:3]]
    ends = [
        build.run_finished(**of, run_id=ids[1], seq=9, status="succeeded"),
        build.run_finished(**of, run_id=ids[2], seq=9, status="failed"),
    ]
    await gateway.publish(RUNS_OUTCOMES, *[(event.run_id, event) for event in (no, *yes, *ends)])

    async def told() -> bool:
        return await counts() == {"asked": 11, "refused": 1, "succeeded": 1, "failed_again": 1}

    await eventually(told, within=20)
    items = (await api.get(f"{url}items/", params={"status": "refused"})).json()["items"]
    assert [(item["run_id"], item["reason"]) for item in items] == [(ids[0], "It has gone on.")]
    again = await api.post(f"{url}retry_failures/")
    assert again.status_code == 201, again.text
    second = (await api.get(again.headers["location"])).json()
    assert (second["total"], second["of"]) == (2, bulk_id)
    assert (await api.post(f"{url}pause/")).status_code == 409
