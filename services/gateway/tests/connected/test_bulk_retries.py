"""A bulk retry goes on where a killed gateway left it, and asks nothing twice."""

import asyncio
from typing import Any

import httpx
from run_stories import commands_of, failed, published, ready, shown

from shared.contracts.runs import CommandRefused, RunReopened
from shared.contracts.topics import RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.wait import eventually


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
    await asyncio.to_thread(gateway.process.start, lambda: ready(gateway.url), within=90)

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
    # As an executor says it that keeps the run no longer: it has no number of the run's order.
    gone = no.model_copy(update={"run_id": ids[3], "seq": 1, "reason": "There is no such run."})
    yes = [RunReopened(**of, run_id=run_id, seq=8, again={"B": 2}, stays=("A",), requested_by=asker) for run_id in ids[1:3]]
    ends = [
        build.run_finished(**of, run_id=ids[1], seq=9, status="succeeded"),
        build.run_finished(**of, run_id=ids[2], seq=9, status="failed"),
    ]
    await gateway.publish(RUNS_OUTCOMES, *[(event.run_id, event) for event in (no, gone, *yes, *ends)])

    async def told() -> bool:
        return await counts() == {"asked": 10, "refused": 2, "succeeded": 1, "failed_again": 1}

    await eventually(told, within=20)
    items = (await api.get(f"{url}items/", params={"status": "refused"})).json()["items"]
    assert {(item["run_id"], item["reason"]) for item in items} == {(ids[0], "It has gone on."), (ids[3], "There is no such run.")}
    again = await api.post(f"{url}retry_failures/")
    assert again.status_code == 201, again.text
    second = (await api.get(again.headers["location"])).json()
    assert (second["total"], second["of"]) == (3, bulk_id)
    assert (await api.post(f"{url}pause/")).status_code == 409


async def test_a_version_is_looked_at_before_runs_go_on_with_it(gateway, api: httpx.AsyncClient) -> None:
    (name, workflow_id), (other, other_id) = await published(api), await published(api)
    ids = [new_id(), new_id(), new_id()]
    for run_id, of in zip(ids, ((name, workflow_id), (name, workflow_id), (other, other_id)), strict=True):
        await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in failed(run_id, *of, key="k", version=1)])
    await asyncio.gather(*(shown(api, run_id, 7) for run_id in ids))
    text = (await api.get(f"/api/workflows/{workflow_id}/versions/1/workflow.yaml")).text.replace("queue: a", "queue: b")
    etag = (await api.get(f"/api/workflows/{workflow_id}/")).headers["etag"]
    changed = await api.put(f"/api/workflows/{workflow_id}/", json={"yaml": text}, headers={"If-Match": etag})
    assert changed.status_code == 200, changed.text
    body = {"selection": {"run_ids": ids, "workflow": name}, "version": 2}
    looked = (await api.post("/api/runs/bulk/preview/", json=body)).json()
    assert (looked["total"], looked["excluded"]) == (2, {"belong to another workflow than the chosen version": 1})
    (step,) = looked["versions"]
    assert (step["version"], step["runs"], len(step["changes"])) == (1, 2, 1)
    assert "queue" in step["changes"][0]
    for url in ("/api/runs/bulk/preview/", "/api/runs/bulk/"):
        for wrong in (body | {"version": 3}, body | {"version": 10**12}, {"selection": {"run_ids": ids}, "version": 2}):
            answer = await api.post(url, json=wrong)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "version"), answer.text
    deleted = await api.delete(f"/api/workflows/{workflow_id}/", headers={"If-Match": changed.headers["etag"]})
    assert deleted.status_code == 204, deleted.text
    gone = await api.post("/api/runs/bulk/", json={"selection": {"run_ids": ids[:2]}, "version": 2})
    assert (gone.status_code, "was deleted" in gone.text) == (422, True)
