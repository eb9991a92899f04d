"""The whole service on real Kafka and PostgreSQL, against simulated clusters."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from shared.contracts import topics
from shared.contracts.clusters import ClusterObserved, ClusterRegistered, CommandStatus, Health, Reach
from shared.contracts.dags import DagRunsObserved, DagsObserved
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing.wait import eventually
from simulated_airflow.serving import Simulated

pytestmark = pytest.mark.connected

Register = Callable[..., ClusterRegistered]


async def watched(station: Any, register: Register, simulated: Simulated, **more: Any) -> str:
    """Register a simulated cluster and wait for its first good observation."""
    cluster_id = new_id()
    await station.say(topics.CLUSTERS_REGISTRY, register(simulated.url, cluster_id=cluster_id, **more), cluster_id)
    await eventually(lambda: latest(station, cluster_id), within=20, every=0.3)
    return cluster_id


async def latest(station: Any, cluster_id: str) -> ClusterObserved | None:
    found = await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id)
    return found[-1] if found else None


async def dag_events(station: Any, cluster_id: str) -> list[Any]:
    return await station.heard(topics.DAGS_OBSERVATIONS, cluster_id)


async def test_a_cluster_is_told_whole_at_first_sight(station: Any, register: Register, simulated: Simulated) -> None:
    simulated.world.trigger("ok_three", "before", now=now(), conf={}, note=None, logical_date=None, by="x")
    cluster_id = await watched(station, register, simulated)
    seen = await latest(station, cluster_id)
    assert seen is not None
    assert seen.reach is Reach.ANSWERED
    assert seen.dags_total == 12
    health = {part.component: part.health for part in seen.components}
    assert health["scheduler"] is Health.HEALTHY
    assert health["metadatabase"] is Health.HEALTHY
    assert health["dag_processor"] is (Health.ABSENT if seen.api == "v1" else Health.HEALTHY)
    first = (await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id))[0]
    assert first.import_errors is not None
    assert "ModuleNotFoundError" in first.import_errors[0].error

    async def told() -> list[Any]:
        # Another topic, heard a moment later.
        there = await dag_events(station, cluster_id)
        return there if {type(event) for event in there} >= {DagsObserved, DagRunsObserved} else []

    events = await eventually(told, within=20, every=0.1)
    dags = [event for event in events if isinstance(event, DagsObserved)]
    assert sorted(dag.dag_id for event in dags for dag in event.dags) == sorted(simulated.world.dags)
    runs = [event for event in events if isinstance(event, DagRunsObserved)]
    assert runs[0].first_sight
    assert ("ok_three", "before") in {(run.dag_id, run.dag_run_id) for run in runs[0].runs}


async def test_a_change_is_told_within_seconds_with_its_task_counts(station: Any, register: Register, simulated: Simulated) -> None:
    cluster_id = await watched(station, register, simulated)
    simulated.world.trigger("fails", "bad-run", now=now(), conf={}, note=None, logical_date=None, by="x")

    async def failed() -> Any:
        runs = [run for event in await dag_events(station, cluster_id) if isinstance(event, DagRunsObserved) for run in event.runs]
        return next((run for run in runs if run.dag_run_id == "bad-run" and run.state == "failed" and run.task_counts), None)

    run = await eventually(failed, within=20, every=0.5)
    assert run.task_counts == {"failed": 1, "upstream_failed": 1}
    news = [event for event in await dag_events(station, cluster_id) if isinstance(event, DagRunsObserved)]
    assert not any(event.first_sight for event in news if any(run.dag_run_id == "bad-run" for run in event.runs))


async def test_pausing_really_pauses_and_is_confirmed_by_reading_back(station: Any, register: Register, simulated: Simulated) -> None:
    cluster_id = await watched(station, register, simulated)
    command_id = await station.command(cluster_id, {"action": "pause_dag", "dag_id": "ok_three", "paused": True})
    end = await station.settled(command_id, cluster_id)
    assert (end.status, end.observed) == (CommandStatus.CONFIRMED, {"is_paused": True}), end
    assert simulated.world.paused["ok_three"] is True
    assert [outcome.status.value for outcome in await station.outcomes(command_id, cluster_id)] == ["sent", "confirmed"]

    async def told() -> bool:
        dags = [dag for event in await dag_events(station, cluster_id) if isinstance(event, DagsObserved) for dag in event.dags]
        return [dag.is_paused for dag in dags if dag.dag_id == "ok_three"][-1]

    await eventually(told, within=5, about="the DAG list says that it is paused")
    again = await station.command(cluster_id, {"action": "pause_dag", "dag_id": "ok_three", "paused": False})
    assert (await station.settled(again, cluster_id)).status is CommandStatus.CONFIRMED
    assert simulated.world.paused["ok_three"] is False


async def test_triggering_starts_one_run_however_often_it_is_asked(station: Any, register: Register, simulated: Simulated) -> None:
    cluster_id = await watched(station, register, simulated)
    do = {"action": "trigger_dag", "dag_id": "ok_three", "dag_run_id": "flowtower__1", "conf": {"who": "ada"}, "note": "by hand"}
    for _ in range(2):
        end = await station.settled(await station.command(cluster_id, do), cluster_id)
        assert end.status is CommandStatus.CONFIRMED, end
        assert end.dag_run_id == "flowtower__1"
    runs = [run for run in simulated.world.runs.values() if run.run_id == "flowtower__1"]
    assert [(run.conf, run.note) for run in runs] == [({"who": "ada"}, "by hand")]


@pytest.mark.parametrize(
    ("do", "more", "words"),
    [
        ({"action": "pause_dag", "dag_id": "nope", "paused": True}, {}, "no DAG 'nope'"),
        ({"action": "trigger_dag", "dag_id": "nope", "dag_run_id": "x"}, {}, "no DAG 'nope'"),
        ({"action": "pause_dag", "dag_id": "ok_three", "paused": True}, {"expires_at": now() - timedelta(seconds=1)}, "expired"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_reason(
    station: Any, register: Register, simulated: Simulated, do: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    cluster_id = await watched(station, register, simulated)
    end = await station.settled(await station.command(cluster_id, do, **more), cluster_id)
    assert end.status is CommandStatus.REFUSED
    assert words in end.reason
    assert simulated.world.paused["ok_three"] is False


async def test_without_permission_a_command_is_refused_and_reading_goes_on(station: Any, register: Register, simulated: Simulated) -> None:
    cluster_id = await watched(station, register, simulated, username="viewer", password="viewer")
    command_id = await station.command(cluster_id, {"action": "pause_dag", "dag_id": "ok_three", "paused": True})
    end = await station.settled(command_id, cluster_id)
    assert end.status is CommandStatus.REFUSED
    assert "does not allow" in end.reason
    seen = await latest(station, cluster_id)
    assert seen is not None
    assert seen.reach is Reach.ANSWERED


async def test_an_unreachable_cluster_is_unknown_with_age_and_others_go_on(
    station: Any, register: Register, simulate: Callable[..., Simulated]
) -> None:
    bad, good = simulate("v2"), simulate("v1")
    bad_id, good_id = await watched(station, register, bad), await watched(station, register, good)
    bad.set(hang=True)
    before = len(await station.heard(topics.CLUSTERS_OBSERVATIONS, good_id))

    async def away_and_ageing() -> ClusterObserved | None:
        seen = await latest(station, bad_id)
        if seen is None or seen.reach is not Reach.UNREACHABLE or seen.last_answer_at is None:
            return None
        return seen if seen.last_answer_at < seen.observed_at - timedelta(seconds=5) else None

    seen = await eventually(away_and_ageing, within=60, every=0.5)
    # A poll of the hanging cluster takes four seconds, one of the other a second.
    assert len(await station.heard(topics.CLUSTERS_OBSERVATIONS, good_id)) >= before + 4
    assert {part.health for part in seen.components} <= {Health.UNKNOWN, Health.ABSENT}
    assert "no full answer" in seen.detail


async def test_a_removed_run_is_told_and_a_removed_cluster_is_left_alone(
    station: Any, register: Register, simulate: Callable[..., Simulated]
) -> None:
    simulated = simulate("v2")
    simulated.world.trigger("slow", "to-delete", now=now(), conf={}, note=None, logical_date=None, by="x")
    cluster_id = await watched(station, register, simulated)
    simulated.set(delete_run=["slow", "to-delete"])

    async def gone() -> bool:
        events = [event for event in await dag_events(station, cluster_id) if isinstance(event, DagRunsObserved)]
        return any(("slow", "to-delete") in event.removed for event in events)

    await eventually(gone, within=45, every=1)
    await station.say(topics.CLUSTERS_REGISTRY, None, cluster_id)
    await asyncio.sleep(5)
    simulated.set(forget_requests=True)
    await asyncio.sleep(4)
    assert simulated.requests == {}
    end = await station.settled(await station.command(cluster_id, {"action": "poll_now"}), cluster_id, within=60)
    assert (end.status, "registered" in end.reason) == (CommandStatus.REFUSED, True)


async def test_tasks_and_logs_are_read_on_demand(station: Any, register: Register, simulated: Simulated) -> None:
    run_id = "manual__2026-11-22T00:00:00+00:00"
    simulated.world.trigger("ok_three", run_id, now=now(), conf={}, note=None, logical_date=None, by="x")
    cluster_id = await watched(station, register, simulated)
    await eventually(lambda: simulated.world.runs["ok_three", run_id].state == "success", within=20)
    path = f"/internal/clusters/{cluster_id}/dags/ok_three/runs/{run_id.replace('+', '%2B')}/tasks"
    answer = await station.ask("GET", path)
    assert answer.status_code == 200, answer.text
    assert {task["task_id"]: task["state"] for task in answer.json()["tasks"]} == dict.fromkeys(("extract", "transform", "load"), "success")
    log = (await station.ask("GET", f"{path}/extract/log", params={"try_number": 1})).json()
    assert log["ended"] is True
    assert any("Marking task as SUCCESS" in line["text"] for line in log["lines"]), log
    missing = await station.ask("GET", f"{path}/nope/log", params={"try_number": 1})
    assert missing.status_code == 404


async def test_the_internal_interface_takes_nobody_without_a_token(station: Any) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{station.ports['0']}/internal/clusters/test", json={})
    assert answer.status_code == 401


async def test_polling_now_is_confirmed(station: Any, register: Register, simulated: Simulated) -> None:
    cluster_id = await watched(station, register, simulated, poll_seconds=300)
    count = len(await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id))
    end = await station.settled(await station.command(cluster_id, {"action": "poll_now"}), cluster_id)
    assert (end.status, end.observed) == (CommandStatus.CONFIRMED, {"reach": "answered"})
    assert len(await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id)) == count + 1


async def test_a_password_stands_nowhere_in_the_clear(station: Any, register: Register, simulated: Simulated) -> None:
    secret = "correct-horse-battery-staple"
    simulated.set(password=secret)
    cluster_id = await watched(station, register, simulated, password=secret)
    assert (await station.settled(await station.command(cluster_id, {"action": "poll_now"}), cluster_id)).observed == {"reach": "answered"}
    simulated.set(password="changed meanwhile", forget_sign_ins=True)
    await asyncio.sleep(3)
    logs = station.processes["0"].log_path.read_text()
    assert cluster_id in logs or "all parts run" in logs
    assert secret not in logs
    for topic in topics.TOPICS:
        assert not [record for record in await station.kafka.read(topic.name) if secret.encode() in (record.value or b"")], topic.name
    connection = await asyncpg.connect(station.database_url)
    try:
        rows = await connection.fetch("SELECT definition::text AS text FROM poller.clusters WHERE cluster_id = $1", cluster_id)
    finally:
        await connection.close()
    assert len(rows) == 1
    assert secret not in rows[0]["text"]


async def test_a_command_waits_for_a_cluster_that_is_away_and_is_done_once(station: Any, register: Register, simulated: Simulated) -> None:
    cluster_id = await watched(station, register, simulated)
    simulated.set(status=503)
    do = {"action": "trigger_dag", "dag_id": "ok_three", "dag_run_id": "patient"}
    command_id = await station.command(cluster_id, do)
    await asyncio.sleep(4)
    assert await station.outcomes(command_id, cluster_id) == []
    simulated.set(status=0)
    end = await station.settled(command_id, cluster_id, within=40)
    assert end.status is CommandStatus.CONFIRMED, end
    assert len([run for run in simulated.world.runs.values() if run.run_id == "patient"]) == 1


async def test_a_command_that_expires_while_the_cluster_is_away_is_refused(station: Any, register: Register, simulated: Simulated) -> None:
    cluster_id = await watched(station, register, simulated)
    simulated.set(status=503)
    do = {"action": "pause_dag", "dag_id": "ok_three", "paused": True}
    command_id = await station.command(cluster_id, do, expires_at=now() + timedelta(seconds=4))
    end = await station.settled(command_id, cluster_id, within=40)
    assert end.status is CommandStatus.REFUSED
    assert "expired" in end.reason
    simulated.set(status=0)
    await asyncio.sleep(3)
    assert simulated.world.paused["ok_three"] is False


async def test_an_answer_that_is_lost_is_read_back_and_not_done_twice(station: Any, register: Register, simulated: Simulated) -> None:
    """Airflow carries the request out, but its answer comes broken: whether it happened is unknown until it is read back."""
    cluster_id = await watched(station, register, simulated)
    simulated.set(lose_writes=True, forget_requests=True)
    do = {"action": "trigger_dag", "dag_id": "ok_three", "dag_run_id": "unknown-fate"}
    command_id = await station.command(cluster_id, do)
    end = await station.settled(command_id, cluster_id, within=40)
    assert end.status is CommandStatus.CONFIRMED, end
    assert sum(count for path, count in simulated.requests.items() if path.startswith("POST") and path.endswith("dagRuns")) == 1
