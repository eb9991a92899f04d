"""What starts a workflow by itself, through the whole: published over the API, fired from outside, shown with its runs."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.testing.kafka import KafkaPart
from shared.testing.receiver import Receiver
from shared.testing.tower import Api
from shared.testing.wait import eventually
from simulated_airflow.catalogue import DagSpec, TaskSpec
from simulated_airflow.serving import Simulated, simulated_cluster

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

DAG = DagSpec("daily_orders", (TaskSpec("load", seconds=(0.5, 1.0)),))
WORKFLOW = """\
workflow: triggered
components:
  Call: {kind: service, endpoint: triggered-service, path: /triggered, deliver: once}
triggers:
  - {kind: kafka, name: big-orders, endpoint: triggered-kafka, topic: triggered, filter: value.total > 100, map: {order: value.id}}
  - {kind: schedule, name: each-minute, cron: "* * * * *", inputs: {order: of-the-minute}}
  - {kind: dag, name: after-orders, cluster: triggered-airflow, dag_id: daily_orders, map: {order: dag_run_id}}
"""


@pytest.fixture(scope="module")
async def airflow(api: Api) -> AsyncIterator[Simulated]:
    """Register a cluster that answers as Airflow 3, and wait until Flowtower has read its DAG."""
    with simulated_cluster("v2", (DAG,)) as simulated:
        body = {"name": "triggered-airflow", "base_url": simulated.url, "username": "admin", "secret": "admin", "poll_seconds": 1}
        made = await api.post("/api/clusters/", body)

        async def read() -> bool:
            return [dag["dag_id"] for dag in (await api.get("/api/dags/", cluster=made["id"]))["items"]] == ["daily_orders"]

        await eventually(read, within=60, every=0.3, about="the cluster's DAG is shown")
        yield simulated
        await api.client.delete(f"/api/clusters/{made['id']}/", headers={"If-Match": "*"})


async def test_a_topic_a_dag_and_a_clock_start_runs_that_are_shown(
    api: Api, airflow: Simulated, kafka: KafkaPart, outside: AIOKafkaProducer, receiver: Receiver
) -> None:
    receiver.clear()
    await kafka.create_topic("triggered", partitions=2)
    await api.endpoint("triggered-kafka", "kafka", {"bootstrap_servers": kafka.bootstrap})
    await api.endpoint("triggered-service", "service", {"base_url": receiver.base_url})
    # What lay there before the trigger did is no news.
    await outside.send_and_wait("triggered", b'{"id": "old", "total": 900}')
    workflow_id = (await api.workflow(WORKFLOW))["id"]

    async def triggers() -> dict[str, Any]:
        return {one["name"]: one for one in (await api.get(f"/api/workflows/{workflow_id}/triggers/"))["items"]}

    async def stand() -> bool:
        states = {name: one["state"] for name, one in (await triggers()).items()}
        assert states == dict.fromkeys(("big-orders", "each-minute", "after-orders"), "active")
        return True

    await eventually(stand, within=60, every=0.3, about="all triggers are active")
    for number, total in enumerate((50, 500, 700)):
        await outside.send_and_wait("triggered", json.dumps({"id": f"order-{number}", "total": total}).encode(), key=b"k")
    dag_run = f"by-hand-{uuid.uuid4().hex[:8]}"
    airflow.world.trigger("daily_orders", dag_run, now=datetime.now(UTC), conf={}, note=None, logical_date=None, by="admin")

    async def fired() -> dict[str, list[dict[str, Any]]]:
        found = {name: (await api.get(f"/api/workflows/{workflow_id}/triggers/{name}/firings/"))["items"] for name in await triggers()}
        started = {name: [one for one in firings if one["result"] == "started"] for name, firings in found.items()}
        assert sum(one["count"] for one in found["big-orders"] if one["result"] == "filtered") == 1
        assert (len(started["big-orders"]), len(started["after-orders"])) == (2, 1)
        assert started["each-minute"], "the minute is not over yet"
        return started

    started = await eventually(fired, within=90, every=0.5, about="every trigger has fired")
    assert started
    # Nothing that was not asked for comes behind.
    await asyncio.sleep(1)
    assert {name: len(found) for name, found in (await fired()).items() if name != "each-minute"} == {"big-orders": 2, "after-orders": 1}

    runs = {name: [await api.ended(firing["run_id"]) for firing in firings] for name, firings in started.items()}
    assert {run["status"] for found in runs.values() for run in found} == {"succeeded"}
    assert {run["trigger"] for run in runs["big-orders"]} == {"kafka:big-orders"}
    assert sorted(run["inputs"]["order"] for run in runs["big-orders"]) == ["order-1", "order-2"]
    assert [(run["trigger"], run["inputs"]) for run in runs["after-orders"]] == [("dag:after-orders", {"order": dag_run})]
    assert {(run["trigger"], run["inputs"]["order"]) for run in runs["each-minute"]} == {("schedule:each-minute", "of-the-minute")}
    for firing in started["each-minute"]:
        assert firing["planned_at"].endswith(":00Z")
    listed = {run["id"] for run in await api.runs("triggered")}
    assert {run["id"] for found in runs.values() for run in found} <= listed
    assert len(receiver.calls("/triggered")) >= sum(map(len, runs.values()))

    page = (await api.client.get(f"/workflows/{workflow_id}/")).text
    rows = {name: row for name, row in re.findall(r'<tr data-key="([a-z-]+)"[^>]*>(.*?)</tr>', page, re.DOTALL) if name in started}
    assert rows.keys() == started.keys()
    assert all("Not fired yet" not in row and "Active" in row for row in rows.values()), rows
    assert all(firing["run_id"] in page for firing in started["big-orders"])

    answer = await api.client.delete(f"/api/workflows/{workflow_id}/", headers={"If-Match": "*"})
    assert answer.status_code in {200, 202, 204}, answer.text
