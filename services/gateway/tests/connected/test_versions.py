"""Versions over a real gateway: compared, published again, downloaded; inputs checked at the start; and how runs went."""

import json
from datetime import timedelta

import httpx
import pytest
from jsonschema_rs import Draft7Validator

from shared.contracts.runs import RunFinished, RunStarted
from shared.contracts.topics import RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing.wait import eventually


@pytest.fixture
async def endpoint(api: httpx.AsyncClient) -> str:
    name = f"mq-{new_id()}"
    made = await api.post("/api/endpoints/", json={"name": name, "kind": "mq", "options": {"host": "mq.example.com"}})
    assert made.status_code == 201, made.text
    return name


def text_of(name: str, endpoint: str, queue: str, more: str = "") -> str:
    inputs = "inputs:\n  day: {type: string, format: date}   # of business\n  limit: {type: integer, minimum: 1, default: 5}\n"
    return f"# mine\nworkflow: {name}\n{inputs}{more}components:\n  Q: {{kind: mq, endpoint: {endpoint}, queue: {queue}}}   # here\n"


async def test_versions_are_compared_published_again_and_downloaded(gateway, api: httpx.AsyncClient, endpoint: str) -> None:
    name = f"flow-{new_id()}"
    one = text_of(name, endpoint, "a")
    made = (await api.post("/api/workflows/", json={"yaml": one, "note": "begin"})).json()
    path = f"/api/workflows/{made['id']}/"
    two = text_of(name, endpoint, "b", "timeout: 2h\n")
    assert (await api.put(path, json={"yaml": two, "note": "slower"}, headers={"If-Match": '"1"'})).status_code == 200

    listed = (await api.get(f"{path}versions/")).json()["items"]
    assert [(item["version"], item["note"]) for item in listed] == [(2, "slower"), (1, "begin")]
    assert listed[0]["changes"] == ["The time limit is 2h.", "Q: queue is “b” instead of “a”."]
    assert listed[1]["changes"] == []
    first = await api.get(f"{path}versions/", params={"limit": 1})
    assert (await api.get(first.headers["link"].split(">")[0][1:])).json()["items"][0]["version"] == 1

    compared = (await api.get(f"{path}versions/1/compare/2/")).json()
    assert [(change["what"], change["part"], change["field"]) for change in compared["changes"]] == [
        ("added", "workflow", "timeout"),
        ("changed", "component", "options.queue"),
    ]
    assert (compared["added"], compared["removed"]) == (2, 1)
    changed = [row for row in compared["rows"] if row["kind"] in ("added", "changed")]
    assert {row["after"] for row in changed} == {6, 8}
    assert (await api.get(f"{path}versions/1/compare/3/")).status_code == 404
    assert (await api.get(f"{path}versions/9/")).json()["detail"].startswith("There is no version")

    stale = await api.post(f"{path}versions/1/publish/", headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await api.post(f"{path}versions/1/publish/")).status_code == 428
    again = await api.post(f"{path}versions/1/publish/", json={"note": "b is too slow"}, headers={"If-Match": '"2"'})
    assert (again.status_code, again.json()["version"], again.json()["yaml"]) == (200, 3, one)
    (entry,) = [
        item for item in (await api.get("/api/audit/", params={"subject": made["id"]})).json()["items"] if item["after"].get("version") == 3
    ]
    assert entry["before"] == {"version": 2, "workflow timeout": 7200.0, "component Q options.queue": "b"}
    assert entry["after"] == {"version": 3, "note": "b is too slow", "workflow timeout": None, "component Q options.queue": "a"}

    yaml = await api.get(f"{path}versions/2/workflow.yaml")
    assert yaml.text == two
    assert yaml.headers["content-disposition"] == f'attachment; filename="{name}-v2.yaml"'
    lines = (await api.get(f"{path}versions.jsonl")).text.splitlines()
    assert [json.loads(line)["version"] for line in lines] == [3, 2, 1]
    assert [json.loads(line)["yaml"] for line in lines] == [one, two, one]

    # An old version whose endpoint is gone can't be published, and says so.
    other = f"{endpoint}-2"
    await api.post("/api/endpoints/", json={"name": other, "kind": "mq", "options": {"host": "mq.example.com"}})
    await api.put(path, json={"yaml": text_of(name, other, "c")}, headers={"If-Match": '"3"'})
    (found,) = [item for item in (await api.get("/api/endpoints/")).json()["items"] if item["name"] == endpoint]
    assert (await api.delete(f"/api/endpoints/{found['id']}/")).status_code == 204
    refused = await api.post(f"{path}versions/1/publish/", headers={"If-Match": '"4"'})
    assert refused.status_code == 422
    assert endpoint in refused.text
    assert (await api.get(path)).json()["version"] == 4

    # A definition that says what the text says already changes not a byte, and makes no version.
    current = (await api.get(path)).json()
    same = await api.put(path, json={"definition": current["definition"]}, headers={"If-Match": '"4"'})
    assert (same.json()["version"], same.json()["yaml"]) == (4, current["yaml"])


async def test_inputs_are_checked_where_a_run_is_asked_for(gateway, api: httpx.AsyncClient, endpoint: str) -> None:
    name = f"flow-{new_id()}"
    made = (await api.post("/api/workflows/", json={"yaml": text_of(name, endpoint, "a")})).json()
    bare = f"workflow: {name}\ncomponents:\n  Q: {{kind: mq, endpoint: {endpoint}, queue: a}}\n"
    await api.put(f"/api/workflows/{made['id']}/", json={"yaml": bare}, headers={"If-Match": '"1"'})

    wrong = await api.post("/api/runs/", json={"workflow": name, "version": 1, "inputs": {"dya": "x", "limit": 0}})
    assert wrong.status_code == 422
    assert {item["field"] for item in wrong.json()["errors"]} == {"inputs.dya", "inputs.day", "inputs.limit"}
    good = await api.post("/api/runs/", json={"workflow": name, "version": 1, "inputs": {"day": "2026-11-22"}})
    assert good.status_code == 202, good.text
    assert (await api.get(f"/api/runs/{good.json()['run_id']}/")).json()["version"] == 1
    # The newest version declares no inputs: whatever comes.
    assert (await api.post("/api/runs/", json={"workflow": name, "inputs": {"x": [1]}})).status_code == 202


async def test_the_schema_is_served_to_editors_who_do_not_sign_in(gateway) -> None:
    async with gateway.client() as anybody:
        answer = await anybody.get("/api/workflows/schema.json")
        assert answer.status_code == 200
        assert "max-age" in answer.headers["cache-control"]
        assert Draft7Validator(answer.json()).is_valid(
            {"workflow": "a", "components": {"A": {"kind": "mq", "endpoint": "m", "queue": "q"}}}
        )
        again = await anybody.get("/api/workflows/schema.json", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_how_runs_went_is_counted_from_what_the_executor_told(gateway, api: httpx.AsyncClient, endpoint: str) -> None:
    name = f"flow-{new_id()}"
    made = (
        await api.post(
            "/api/workflows/", json={"yaml": f"workflow: {name}\ncomponents:\n  Q: {{kind: mq, endpoint: {endpoint}, queue: a}}\n"}
        )
    ).json()
    path = f"/api/workflows/{made['id']}/outcomes/"
    empty = (await api.get(path)).json()
    assert (empty["runs"], empty["success_rate"], empty["seconds_p50"]) == ({}, None, None)
    at, events = now(), []
    for number, status in enumerate(("succeeded", "succeeded", "succeeded", "failed")):
        run, began = new_id(), at - timedelta(seconds=100)
        common = {"run_id": run, "workflow_id": made["id"], "workflow": name, "version": 1}
        events.append((run, RunStarted(**common, seq=1, at=began)))
        ended = began + timedelta(seconds=10 * (number + 1))
        events.append((run, RunFinished(**common, seq=2, at=ended, started_at=began, status=status)))  # type: ignore[arg-type]
    await gateway.publish(RUNS_OUTCOMES, *events)

    async def counted() -> bool:
        return sum((await api.get(path)).json()["runs"].values()) == 4 and "running" not in (await api.get(path)).json()["runs"]

    await eventually(counted, within=30)
    found = (await api.get(path)).json()
    assert found["runs"] == {"succeeded": 3, "failed": 1}
    assert found["success_rate"] == 0.75
    assert found["seconds_p50"] == pytest.approx(20, abs=0.5)
    assert found["cut"] is False
