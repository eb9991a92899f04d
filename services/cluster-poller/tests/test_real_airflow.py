"""The whole service against real Airflow 2.11 and 3.3: what is told is what an independent client sees there."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts import topics
from shared.contracts.clusters import ClusterObserved, ClusterRegistered, CommandStatus, Health, Reach
from shared.contracts.dags import DagRunSeen, DagRunsObserved, DagsObserved
from shared.runtime.ids import new_id
from shared.testing.airflow import AirflowPart
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.airflow, pytest.mark.timeout(600)]

Register = Callable[..., ClusterRegistered]


@pytest.fixture(scope="module", params=["airflow2", "airflow3"])
def airflow(request: pytest.FixtureRequest) -> AirflowPart:
    found: AirflowPart = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
async def cluster_id(station: Any, airflow: AirflowPart, register: Register) -> str:
    """Give the id of the real cluster, registered and read for the first time."""
    await airflow.dag_known("ok_three")
    found = new_id()
    await station.say(topics.CLUSTERS_REGISTRY, register(airflow.base_url, cluster_id=found, poll_seconds=5.0), found)
    await answered(station, found)
    return found


async def observations(station: Any, cluster_id: str) -> list[ClusterObserved]:
    return await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id)


async def answered(station: Any, cluster_id: str, *, within: float = 60) -> ClusterObserved:
    async def found() -> ClusterObserved | None:
        seen = await observations(station, cluster_id)
        return seen[-1] if seen and seen[-1].reach is Reach.ANSWERED else None

    return await eventually(found, within=within, every=0.5)


async def seen_run(station: Any, cluster_id: str, dag_run_id: str, state: str) -> DagRunSeen | None:
    events = await station.heard(topics.DAGS_OBSERVATIONS, cluster_id)
    runs = [run for event in events if isinstance(event, DagRunsObserved) for run in event.runs if run.dag_run_id == dag_run_id]
    return next((run for run in reversed(runs) if run.state == state), None)


async def test_connection_test_tells_version_and_health(station: Any, airflow: AirflowPart, register: Register) -> None:
    good = (await station.ask("POST", "/internal/clusters/test", json=body(register(airflow.base_url)))).json()
    assert good["ok"], good
    assert (good["api"], good["version"][0]) == (f"v{airflow.major - 1}", str(airflow.major))
    states = {part["component"]: part["health"] for part in good["components"]}
    assert (states["scheduler"], states["metadatabase"]) == ("healthy", "healthy")


async def test_wrong_password_url_port_and_scheme_are_told_apart(station: Any, airflow: AirflowPart, register: Register) -> None:
    async def problem(**more: Any) -> tuple[str, str]:
        registered = register(more.pop("url", airflow.base_url), **more)
        answer = (await station.ask("POST", "/internal/clusters/test", json=body(registered))).json()
        return answer["problem"], answer["message"]

    assert (await problem(password="wrong"))[0] == "wrong_password"
    assert (await problem(url=airflow.base_url + "/nothing/here"))[0] == "wrong_url"
    assert (await problem(url="http://127.0.0.1:1"))[0] == "unreachable"
    tls, message = await problem(url=airflow.base_url.replace("http:", "https:"))
    assert tls == "tls"
    assert "http://" in message


async def test_every_dag_is_told(station: Any, airflow: AirflowPart, cluster_id: str) -> None:
    """Airflow may still be reading its files, so what is told follows what is there; in the end both are the same."""

    async def told() -> dict[str, bool]:
        events = [event for event in await station.heard(topics.DAGS_OBSERVATIONS, cluster_id) if isinstance(event, DagsObserved)]
        return {dag.dag_id: dag.is_paused for event in events if event.sweep == events[-1].sweep for dag in event.dags}

    async def there() -> dict[str, bool]:
        async with airflow.client() as client:
            return {dag["dag_id"]: dag["is_paused"] for dag in (await client.get("/dags", params={"limit": 100})).json()["dags"]}

    async def same() -> bool:
        seen, real = await told(), await there()
        assert seen == real
        return "ok_three" in real

    await eventually(same, within=120, every=1, about="every DAG told as it is")  # DAGs are read every 60 s


async def test_pause_really_pauses_and_unpause_unpauses(station: Any, airflow: AirflowPart, cluster_id: str) -> None:
    async with airflow.client() as client:
        for paused in (True, False):
            command_id = await station.command(cluster_id, {"action": "pause_dag", "dag_id": "slow", "paused": paused})
            end = await station.settled(command_id, cluster_id)
            assert (end.status, end.observed) == (CommandStatus.CONFIRMED, {"is_paused": paused}), end
            assert (await client.get("/dags/slow")).json()["is_paused"] is paused


async def test_a_triggered_run_is_followed_to_its_end_and_its_log_read(station: Any, airflow: AirflowPart, cluster_id: str) -> None:
    run_id = f"flowtower__{new_id()}"
    await station.settled(await station.command(cluster_id, {"action": "pause_dag", "dag_id": "ok_three", "paused": False}), cluster_id)
    do = {"action": "trigger_dag", "dag_id": "ok_three", "dag_run_id": run_id, "conf": {"who": "ada"}, "note": "by hand"}
    for _ in range(2):  # the second one meets the first one's run
        end = await station.settled(await station.command(cluster_id, do), cluster_id)
        assert end.status is CommandStatus.CONFIRMED, end
    async with airflow.client() as client:
        run = (await client.get(f"/dags/ok_three/dagRuns/{run_id}")).json()
        assert (run["conf"], run["note"]) == ({"who": "ada"}, "by hand")
    seen = await eventually(lambda: seen_run(station, cluster_id, run_id, "success"), within=120, every=0.5)
    await eventually(lambda: counted(station, cluster_id, run_id), within=15, every=0.5)
    assert seen.note == "by hand"
    path = f"/internal/clusters/{cluster_id}/dags/ok_three/runs/{run_id}/tasks"
    tasks = (await station.ask("GET", path)).json()["tasks"]
    assert {task["task_id"]: task["state"] for task in tasks} == dict.fromkeys(("extract", "transform", "load"), "success")
    log = (await station.ask("GET", f"{path}/extract/log", params={"try_number": 1})).json()
    assert log["ended"], log
    assert len(log["lines"]) > 5
    assert any(line["at"] and line["level"] for line in log["lines"]), log["lines"][:20]


async def counted(station: Any, cluster_id: str, run_id: str) -> bool:
    run = await seen_run(station, cluster_id, run_id, "success")
    return run is not None and run.task_counts == {"success": 3}


async def test_a_change_in_airflow_is_told_within_ten_seconds(station: Any, airflow: AirflowPart, cluster_id: str) -> None:
    """The run is started and failed by an independent client; both must be told ≤ 10 s after they happened."""
    run_id = await airflow.trigger("slow")
    async with airflow.client() as client:
        began = time.monotonic()
        await eventually(lambda: any_state(station, cluster_id, run_id), within=10, every=0.2)
        told_new = time.monotonic() - began
        answer = await client.patch(f"/dags/slow/dagRuns/{run_id}", json={"state": "failed"})
        assert answer.status_code == 200, answer.text
        began = time.monotonic()
        await eventually(lambda: seen_run(station, cluster_id, run_id, "failed"), within=10, every=0.2)
        told_failed = time.monotonic() - began
    assert told_new < 10
    assert told_failed < 10


async def any_state(station: Any, cluster_id: str, run_id: str) -> bool:
    return any([await seen_run(station, cluster_id, run_id, state) for state in ("queued", "running")])


async def test_a_viewer_may_look_but_not_pause(station: Any, airflow: AirflowPart, register: Register) -> None:
    viewer_id = new_id()
    viewer = register(airflow.base_url, cluster_id=viewer_id, username="viewer", password="viewer", poll_seconds=5.0)
    await station.say(topics.CLUSTERS_REGISTRY, viewer, viewer_id)
    await answered(station, viewer_id)
    command_id = await station.command(viewer_id, {"action": "pause_dag", "dag_id": "slow", "paused": True})
    end = await station.settled(command_id, viewer_id)
    assert end.status is CommandStatus.REFUSED
    assert "does not allow" in end.reason
    await station.say(topics.CLUSTERS_REGISTRY, None, viewer_id)


async def test_a_dead_scheduler_is_unhealthy_and_a_stopped_airflow_unknown(station: Any, airflow: AirflowPart, cluster_id: str) -> None:
    """Last in its module: it takes the cluster down."""
    await asyncio.to_thread(airflow.kill_scheduler)

    async def unhealthy() -> Any:
        last = (await observations(station, cluster_id))[-1]
        part = next(part for part in last.components if part.component == "scheduler")
        return part if part.health is Health.UNHEALTHY else None

    part = await eventually(unhealthy, within=60, every=1)
    assert part.heartbeat_age > 20
    await asyncio.to_thread(airflow.stop)

    async def away() -> ClusterObserved | None:
        last = (await observations(station, cluster_id))[-1]
        return last if last.reach is Reach.UNREACHABLE else None

    last = await eventually(away, within=40, every=0.5)
    assert {part.health for part in last.components} <= {Health.UNKNOWN, Health.ABSENT}
    assert last.last_answer_at is not None
    assert last.last_answer_at < last.observed_at
    await asyncio.to_thread(airflow.start)
    assert (await answered(station, cluster_id, within=90)).version


def body(cluster: ClusterRegistered) -> dict[str, Any]:
    return {"cluster": cluster.model_dump(mode="json")}
