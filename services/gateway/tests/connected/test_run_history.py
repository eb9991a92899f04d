"""Runs found by what people know of them, and what can be asked of one: over a real Kafka and PostgreSQL."""

from datetime import timedelta
from typing import Any

import httpx
from run_stories import commands_of, failed, published, shown

from shared.contracts.runs import CommandRefused, RunPaused, RunReopened, RunResumed
from shared.contracts.topics import RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.wait import eventually


async def test_runs_are_found_by_key_id_input_state_trigger_and_time_page_by_page(gateway, api: httpx.AsyncClient) -> None:
    name, workflow_id = await published(api)
    ids, keys = [new_id() for _ in range(5)], [f"key-{new_id()}" for _ in range(5)]
    for number, run_id in enumerate(ids):
        trigger = "schedule:nightly" if number % 2 else "api"
        events = failed(run_id, name, workflow_id, key=keys[number], minutes=number * 10, trigger=trigger)
        await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in (events if number else events[:4])])
    # Each run is in a partition of its own, and they are read at their own pace.
    for run_id in ids:
        await shown(api, run_id, 4 if run_id == ids[0] else 7)

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
    for words in (keys[2], ids[2][-12:]):
        everywhere = await api.get("/api/runs/", params={"q": words})
        assert [run["id"] for run in everywhere.json()["items"]] == [ids[2]]
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
    for answer in (
        await api.post(url, json={"components": ["B"], "version": 3_000_000_000}),
        await api.get(f"{url}preview/", params={"version": 3_000_000_000}),
        await api.get(f"/api/workflows/{broken['workflow_id']}/", params={"version": 3_000_000_000}),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "version")
    huge = await api.post(url, json={"components": ["B"], "inputs": {"order": {"x": "y" * 1_000_000}}})
    assert (huge.status_code, huge.json()["errors"][0]["field"]) == (422, "inputs")
    assert "at most 1,000,000" in huge.json()["errors"][0]["message"]
    wrong = await api.post(url, json={"components": ["B"], "inputs": {"order": "4711"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "inputs.order")
    stale = await api.post(url, json={"components": ["B"], "expected_seq": 5})
    assert (stale.status_code, stale.json()["errors"][0]["field"]) == (409, "expected_seq")
    key = {"Idempotency-Key": new_id()}
    order = {"x": "y" * 200_000}
    body = {"components": ["A"], "scope": "slice", "until": "B", "inputs": {"order": order}, "reason": "the queue stands again"}
    first, again = await api.post(url, json=body, headers=key), await api.post(url, json=body, headers=key)
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (202, 202, "true")

    async def sent() -> bool:
        return bool(await commands_of(gateway, run_id))

    await eventually(sent, within=20)
    ((command, _),) = await commands_of(gateway, run_id)
    assert (command["scope"], command["until"], command["inputs"], command["expected_seq"]) == ("slice", "B", {"order": order}, 7)
    of = {"run_id": run_id, "workflow_id": broken["workflow_id"], "at": now()}
    no = CommandRefused(**of, seq=8, command="retry", reason="The run has gone on since.", requested_by="ada")
    await gateway.publish(RUNS_OUTCOMES, (run_id, no))
    await shown(api, run_id, 8)
    lines = (await api.get("/api/audit/", params={"subject": run_id})).json()["items"]
    (entry,) = [item for item in lines if item["action"] == "run.retry"]
    assert (entry["who"], entry["reason"]) == ("ada", "the queue stands again")
    assert entry["before"]["components"] == {"A": "succeeded", "B": "failed"}
    assert entry["after"]["again"] == {"A": 2, "B": 2}


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
    lines = (await api.get("/api/audit/", params={"subject": run_id})).json()["items"]
    # What was asked here stands once, with what it was and what it shall be; the answer adds nothing.
    assert [(line["action"], line["before"]["status"], line["after"]["status"]) for line in lines] == [
        ("run.resume", "paused", "running"),
        ("run.pause", "running", "paused"),
    ]
    log = (await api.get(f"/api/runs/{run_id}/events/", params={"q": "repair"})).json()["items"]
    assert [event["event"] for event in log] == ["run.paused"]
    assert (await api.get(f"/api/runs/{run_id}/events/", params={"component": "A"})).json()["items"][0]["seq"] == 2

    async def both() -> bool:
        return [command["command"] for command, _ in await commands_of(gateway, run_id)] == ["pause", "resume"]

    await eventually(both, within=20)


async def test_what_programs_outside_asked_of_a_run_is_in_the_audit(gateway, api: httpx.AsyncClient) -> None:
    name, workflow_id = await published(api)
    run_id = new_id()
    of = {"run_id": run_id, "workflow_id": workflow_id, "at": now()}
    events = [
        *failed(run_id, name, workflow_id, key="k"),
        RunReopened(**of, seq=8, again={"B": 2}, stays=("A",), requested_by="billing"),
        RunPaused(**of, seq=9, reason="month end", requested_by="ada"),
        RunResumed(**of, seq=10, reason="It is cancelled."),
        build.component_finished(**of, seq=11, component="B", generation=2, status="cancelled"),
        build.run_finished(**of, seq=12, status="cancelled", message="not needed"),
        RunReopened(**of, seq=13, again={"B": 3}, stays=("A",)),
        build.run_finished(**of, seq=14, status="cancelled", message="A part of it stays cancelled."),
    ]
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in events])
    await shown(api, run_id, 14)
    lines = (await api.get("/api/audit/", params={"subject": run_id})).json()["items"]
    assert [(line["action"], line["who"], line["reason"]) for line in reversed(lines)] == [
        ("run.reopened", "billing", ""),
        ("run.paused", "ada", "month end"),
        ("run.cancelled", "a program", "not needed"),
        ("run.reopened", "a program", ""),
    ]
    assert [(line["before"]["status"], line["after"]["status"]) for line in reversed(lines)] == [
        ("failed", "running"),
        ("running", "paused"),
        ("running", "cancelled"),
        ("cancelled", "running"),
    ]
    assert lines[3]["after"]["again"] == {"B": 2}
