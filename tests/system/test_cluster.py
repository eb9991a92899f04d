"""Real clusters through the public API: what Airflow says by itself is compared with what Flowtower shows."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.testing.airflow import AirflowPart
from shared.testing.tower import Api
from shared.testing.wait import eventually

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

SEEN_WITHIN = 10.0
"""Seconds from a change in Airflow to its being shown."""


@dataclass
class Registered:
    """A cluster as both sides know it."""

    airflow: AirflowPart
    api: Api
    cluster_id: str

    async def dag(self, dag_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.api.get(f"/api/dags/{self.cluster_id}/{dag_id}/")
        return found

    async def state(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.api.get(f"/api/clusters/{self.cluster_id}/"))["state"]
        return found

    async def ask(self, **body: Any) -> dict[str, Any]:
        """Ask something of the cluster and wait until it is confirmed or refused."""
        made = await self.api.post(f"/api/clusters/{self.cluster_id}/commands/", body)

        async def settled() -> dict[str, Any] | None:
            found: dict[str, Any] = await self.api.get(f"/api/commands/{made['id']}/")
            return found if found["status"] in {"confirmed", "refused"} else None

        return await eventually(settled, within=60, about=f"{body} is settled") or {}

    async def paused_in_airflow(self, dag_id: str) -> bool:
        async with self.airflow.client() as client:
            return bool((await client.get(f"/dags/{dag_id}")).json()["is_paused"])


@pytest.fixture(scope="module", params=[2, 3], ids=["airflow 2.11", "airflow 3.3"])
async def cluster(request: pytest.FixtureRequest, api: Api) -> AsyncIterator[Registered]:
    airflow = await asyncio.to_thread(AirflowPart, request.param)
    await asyncio.to_thread(airflow.start)
    await airflow.dag_known("ok_three")
    body = {"name": f"real-{request.param}", "base_url": airflow.base_url, "username": airflow.username, "secret": airflow.password}
    tested = await api.post("/api/clusters/test/", body)
    assert tested["ok"], tested
    assert tested["api"] == f"v{request.param - 1}"
    made = await api.post("/api/clusters/", body)
    assert airflow.password not in str(made.get("secret", ""))
    yield Registered(airflow, api, made["id"])
    await api.client.delete(f"/api/clusters/{made['id']}/", headers={"If-Match": "*"})
    await asyncio.to_thread(airflow.kill)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"secret": "wrong"}, "wrong_password"),
        ({"base_url": "{base}/nowhere"}, "wrong_url"),
        ({"base_url": "http://127.0.0.1:1"}, "unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_connection_test_tells_the_reasons_apart(cluster: Registered, change: dict[str, str], problem: str) -> None:
    airflow = cluster.airflow
    body = {"name": "tested", "base_url": airflow.base_url, "username": airflow.username, "secret": airflow.password}
    body |= {key: value.format(base=airflow.base_url) for key, value in change.items()}
    found = await cluster.api.post("/api/clusters/test/", body)
    assert (found["ok"], found["problem"]) == (False, problem), found
    assert len(found["message"]) > 20


async def test_health_dags_and_runs_are_shown(cluster: Registered) -> None:
    async def healthy() -> dict[str, Any] | None:
        state = await cluster.state()
        return state if state["health"] == "healthy" else None

    state = await eventually(healthy, within=60, about="the cluster is shown as healthy")
    assert state
    parts = {part["component"]: part for part in state["observation"]["components"]}
    assert parts["scheduler"]["health"] == "healthy"
    assert parts["scheduler"]["confidence"] == "measured"
    assert parts["scheduler"]["heartbeat_age"] < 30
    assert state["age_seconds"] < 30
    async with cluster.airflow.client() as client:
        expected = {dag["dag_id"] for dag in (await client.get("/dags", params={"limit": 100})).json()["dags"]}

    async def all_there() -> bool:
        shown = (await cluster.api.get("/api/dags/", cluster=cluster.cluster_id, limit=100))["items"]
        assert {dag["dag_id"] for dag in shown} >= expected
        return True

    await eventually(all_there, within=90, about="all DAGs are shown")


async def test_a_change_in_airflow_is_shown_within_ten_seconds(cluster: Registered) -> None:
    run_id = await cluster.airflow.trigger("ok_three")

    async def shown(state: str) -> dict[str, Any] | None:
        runs = (await cluster.dag("ok_three"))["runs"]
        return next((run for run in runs if run["dag_run_id"] == run_id and (not state or run["state"] == state)), None)

    began = time.monotonic()
    await eventually(lambda: shown(""), within=SEEN_WITHIN, about="a new run is shown")

    async def over() -> bool:
        return await cluster.airflow.run_state("ok_three", run_id) == "success"

    await eventually(over, within=180, every=0.3, about="Airflow finishes the run")
    ended = time.monotonic()
    run = await eventually(lambda: shown("success"), within=SEEN_WITHIN, about="its success is shown")
    assert time.monotonic() - ended < SEEN_WITHIN
    assert ended > began
    assert run

    async def counted() -> bool:
        found = await shown("success")
        return bool(found and found["task_counts"] == {"success": 3})

    await eventually(counted, within=30, about="its task instances are counted")


async def test_pause_really_pauses_in_airflow(cluster: Registered) -> None:
    assert not await cluster.paused_in_airflow("ok_three")
    paused = await cluster.ask(action="pause", dag_id="ok_three")
    assert paused["status"] == "confirmed", paused
    assert paused["sent_at"]
    assert paused["observed"]["is_paused"] is True
    assert await cluster.paused_in_airflow("ok_three")
    unpaused = await cluster.ask(action="unpause", dag_id="ok_three")
    assert unpaused["status"] == "confirmed", unpaused
    assert not await cluster.paused_in_airflow("ok_three")


async def test_a_run_is_triggered_and_its_log_is_read(cluster: Registered) -> None:
    asked = await cluster.ask(action="trigger", dag_id="ok_three", conf={"day": "2026-11-22"})
    assert asked["status"] == "confirmed", asked
    run_id = asked["dag_run_id"]

    async def over() -> bool:
        return await cluster.airflow.run_state("ok_three", run_id) == "success"

    await eventually(over, within=180, every=0.5, about="the triggered run succeeds in Airflow")
    async with cluster.airflow.client() as client:
        assert (await client.get(f"/dags/ok_three/dagRuns/{run_id}")).json()["conf"] == {"day": "2026-11-22"}
    base = f"/api/dags/{cluster.cluster_id}/ok_three/runs/{run_id}"

    async def shown() -> bool:
        answer = await cluster.api.client.get(f"{base}/tasks/")
        return answer.status_code == 200

    await eventually(shown, within=30, about="the run is known")
    tasks = (await cluster.api.get(f"{base}/tasks/"))["tasks"]
    assert {task["state"] for task in tasks} == {"success"}
    log = await cluster.api.get(f"{base}/tasks/{tasks[0]['task_id']}/log/", try_number=1)
    assert any(line["text"].strip() for line in log["lines"])


async def test_a_workflow_starts_a_dag_run_and_waits_for_its_end(cluster: Registered) -> None:
    name = (await cluster.api.get(f"/api/clusters/{cluster.cluster_id}/"))["name"]
    workflow = f"{name}-close"
    await cluster.api.workflow(f"""\
workflow: {workflow}
components:
  Close: {{kind: airflow, cluster: {name}, dag_id: ok_three, conf: {{day: "{{day}}"}}, at_most: 5m}}
""")
    run_id = await cluster.api.start(workflow, day="2026-11-22")
    run = await cluster.api.ended(run_id, within=240)
    assert run["status"] == "succeeded", run["components"]
    dag_run_id = f"flowtower__{run_id}:Close:1"
    async with cluster.airflow.client() as client:
        found = (await client.get(f"/dags/ok_three/dagRuns/{dag_run_id}")).json()
    assert (found["state"], found["conf"]) == ("success", {"day": "2026-11-22"})


async def test_a_dead_scheduler_and_a_stopped_airflow_are_never_shown_as_healthy(cluster: Registered) -> None:
    """The last test of a cluster: it ends it."""
    await asyncio.to_thread(cluster.airflow.kill_scheduler)

    async def sick() -> bool:
        state = await cluster.state()
        scheduler = next(part for part in state["observation"]["components"] if part["component"] == "scheduler")
        return scheduler["health"] == "unhealthy" and state["health"] != "healthy"

    await eventually(sick, within=90, every=0.5, about="the missing heartbeat is noticed")
    await asyncio.to_thread(cluster.airflow.kill)

    async def unknown() -> dict[str, Any] | None:
        state = await cluster.state()
        return state if state["health"] == "unknown" else None

    state = await eventually(unknown, within=60, every=0.5, about="a cluster that does not answer is unknown")
    assert state
    assert state["observation"]["reach"] == "unreachable"
    assert {part["health"] for part in state["observation"]["components"]} <= {"unknown", "absent"}
    assert state["last_answer_at"]
    refused = await cluster.api.post(f"/api/clusters/{cluster.cluster_id}/commands/", {"action": "pause", "dag_id": "ok_three"})
    assert refused["status"] == "asked"
