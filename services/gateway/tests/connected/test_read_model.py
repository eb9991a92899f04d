"""From Kafka into the read model and on to the browser: once, in order, and never before it can be read."""

import asyncio
import json
import time
from datetime import timedelta

import httpx
import pytest
import websockets

from shared.contracts.runs import CommandRefused
from shared.contracts.topics import (
    ALERTS_EVENTS,
    CLUSTERS_OBSERVATIONS,
    CLUSTERS_OUTCOMES,
    DAGS_OBSERVATIONS,
    METRICS_SAMPLES,
    RUNS_OUTCOMES,
)
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.wait import eventually


async def registered(api: httpx.AsyncClient) -> str:
    body = {"name": f"c-{new_id()}", "base_url": "https://airflow.example.com", "username": "flowtower"}
    made = await api.post("/api/clusters/", json=body)
    assert made.status_code == 201, made.text
    identity: str = made.json()["id"]
    return identity


async def health_of(api: httpx.AsyncClient, cluster: str) -> str:
    word: str = (await api.get(f"/api/clusters/{cluster}/")).json()["state"]["health"]
    return word


async def test_a_cluster_is_unknown_until_it_is_seen_and_again_when_it_stops_answering(gateway, api: httpx.AsyncClient) -> None:
    cluster = await registered(api)
    at = now()
    await gateway.publish(CLUSTERS_OBSERVATIONS, (cluster, build.cluster_observed(cluster_id=cluster, observed_at=at)))

    async def healthy() -> bool:
        return await health_of(api, cluster) == "healthy"

    await eventually(healthy, within=20)
    gone = build.cluster_observed(
        cluster_id=cluster, observed_at=at + timedelta(seconds=1), reach="unreachable", detail="Connection refused.", components=()
    )
    older = build.cluster_observed(cluster_id=cluster, observed_at=at - timedelta(seconds=5))
    await gateway.publish(CLUSTERS_OBSERVATIONS, (cluster, gone), (cluster, older))

    async def unknown() -> bool:
        return await health_of(api, cluster) == "unknown"

    await eventually(unknown, within=20)
    state = (await api.get(f"/api/clusters/{cluster}/")).json()["state"]
    assert state["sentence"] == "Connection refused."
    assert state["last_answer_at"] is not None
    page = (await api.get("/api/health/")).json()
    assert page["health"] != "healthy"


async def test_dags_come_and_go_by_complete_lists_only(gateway, api: httpx.AsyncClient) -> None:
    cluster, at = await registered(api), now()

    def part(sweep: str, number: int, parts: int, *names: str, seconds: float):
        dags = tuple(build.dag(dag_id=name) for name in names)
        return build.dags_observed(
            cluster_id=cluster, sweep=sweep, part=number, parts=parts, dags=dags, observed_at=at + timedelta(seconds=seconds)
        )

    async def names() -> list[str]:
        answer = await api.get("/api/dags/", params={"cluster": cluster})
        return [dag["dag_id"] for dag in answer.json()["items"]]

    await gateway.publish(DAGS_OBSERVATIONS, (cluster, part("s1", 0, 2, "a", "b", seconds=0)), (cluster, part("s1", 1, 2, "c", seconds=0)))
    await eventually(lambda: _is(names, ["a", "b", "c"]), within=20)
    # A list with a gap proves nothing about what it lacks.
    await gateway.publish(DAGS_OBSERVATIONS, (cluster, part("s2", 1, 2, "c", seconds=1)))
    # A whole one does.
    await gateway.publish(DAGS_OBSERVATIONS, (cluster, part("s3", 0, 1, "a", "d", seconds=2)))
    await eventually(lambda: _is(names, ["a", "d"]), within=20)
    owner = f"team-{new_id()}"
    owned = (build.dag(dag_id="a"), build.dag(dag_id="d", owners=("data", owner)))
    listed = build.dags_observed(cluster_id=cluster, sweep="s4", part=0, parts=1, dags=owned, observed_at=at + timedelta(seconds=3))
    await gateway.publish(DAGS_OBSERVATIONS, (cluster, listed))

    async def of_owner() -> list[str]:
        answer = await api.get("/api/dags/", params={"q": owner[:-4].upper()})
        return [dag["dag_id"] for dag in answer.json()["items"]]

    await eventually(lambda: _is(of_owner, ["d"]), within=20)


async def _is(read, wanted: object) -> bool:
    return await read() == wanted


async def test_only_the_newest_runs_of_a_dag_are_kept(gateway, api: httpx.AsyncClient) -> None:
    cluster, at = await registered(api), now()
    dags = build.dags_observed(cluster_id=cluster, sweep="s1", part=0, parts=1, dags=(build.dag(dag_id="a"),), observed_at=at)
    runs = tuple(build.dag_run(dag_id="a", dag_run_id=f"r{n:03}", sort_at=at + timedelta(minutes=n)) for n in range(130))
    await gateway.publish(
        DAGS_OBSERVATIONS, (cluster, dags), (cluster, build.dag_runs_observed(cluster_id=cluster, runs=runs, observed_at=at))
    )

    async def newest() -> list[str]:
        answer = await api.get(f"/api/dags/{cluster}/a/runs/", params={"limit": 200})
        return [run["dag_run_id"] for run in answer.json().get("items", [])]

    await eventually(lambda: _is(newest, [f"r{n:03}" for n in range(129, 29, -1)]), within=20)
    listed = (await api.get(f"/api/dags/{cluster}/a/")).json()
    assert len(listed["runs"]) == 25
    assert listed["runs"][0]["dag_run_id"] == "r129"


async def test_a_pause_goes_from_asked_to_confirmed_and_shows_at_once(gateway, api: httpx.AsyncClient) -> None:
    cluster, at = await registered(api), now()
    dag = build.dag(dag_id="a", is_paused=False)
    await gateway.publish(
        DAGS_OBSERVATIONS,
        (cluster, build.dags_observed(cluster_id=cluster, sweep="s1", part=0, parts=1, dags=(dag,), observed_at=at - timedelta(seconds=9))),
    )

    async def there() -> bool:
        return (await api.get(f"/api/dags/{cluster}/a/")).status_code == 200

    await eventually(there, within=20)
    asked = await api.post(f"/api/clusters/{cluster}/commands/", json={"action": "pause", "dag_id": "a"})
    assert asked.status_code == 202, asked.text
    command = asked.json()["id"]
    shown = (await api.get(f"/api/dags/{cluster}/a/")).json()
    assert (shown["is_paused"], shown["asked_paused"]) == (False, True)
    done = build.cluster_outcome(command_id=command, cluster_id=cluster, status="confirmed", at=now(), observed={"is_paused": True})
    late = build.cluster_outcome(command_id=command, cluster_id=cluster, status="sent", at=now(), observed={})
    await gateway.publish(CLUSTERS_OUTCOMES, (cluster, done), (cluster, late))

    async def confirmed() -> bool:
        dag = (await api.get(f"/api/dags/{cluster}/a/")).json()
        return dag["is_paused"] is True and dag["asked_paused"] is None

    await eventually(confirmed, within=20)
    assert (await api.get(f"/api/commands/{command}/")).json()["status"] == "confirmed"


def events_of(run_id: str) -> list[object]:
    of = {"run_id": run_id, "workflow_id": "w1"}
    return [
        build.run_started(**of, seq=1),
        build.attempt_started(**of, seq=2, component="A"),
        build.attempt_progressed(**of, seq=3, component="A"),
        build.attempt_failed(**of, seq=4, component="A", next_attempt_at=now() + timedelta(minutes=5)),
    ]


async def test_events_of_a_run_are_applied_once_however_often_they_come(gateway, api: httpx.AsyncClient) -> None:
    run_id = new_id()
    events = events_of(run_id)
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in events])

    async def seq() -> int:
        answer = await api.get(f"/api/runs/{run_id}/")
        return answer.json().get("seq", 0) if answer.status_code == 200 else 0

    await eventually(lambda: _is(seq, 4), within=20)
    first = (await api.get(f"/api/runs/{run_id}/")).json()
    assert first["status"] == "waiting"
    assert first["components"][0]["status"] == "retrying"
    assert [attempt["status"] for attempt in first["attempts"]] == ["failed"]
    # Again, under new event ids as another producer would send them: the inbox can't know them, the numbers do.
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in events])
    finished = build.run_finished(run_id=run_id, workflow_id="w1", seq=5, status="cancelled")
    await gateway.publish(RUNS_OUTCOMES, (run_id, finished))
    await eventually(lambda: _is(seq, 5), within=20)
    second = (await api.get(f"/api/runs/{run_id}/")).json()
    assert second["gaps"] == 0
    assert second["attempts"] == first["attempts"]
    listed = (await api.get(f"/api/runs/{run_id}/events/")).json()["items"]
    assert [event["seq"] for event in listed] == [1, 2, 3, 4, 5]


async def test_a_start_from_outside_that_was_refused_is_shown_with_its_reason(gateway, api: httpx.AsyncClient) -> None:
    run_id = new_id()
    refused = CommandRefused(
        run_id=run_id, workflow_id="none", seq=1, at=now(), command="start", reason="There is no workflow 'x'.", workflow="x"
    )
    await gateway.publish(RUNS_OUTCOMES, (run_id, refused))

    async def shown() -> bool:
        return (await api.get(f"/api/runs/{run_id}/")).status_code == 200

    await eventually(shown, within=20)
    run = (await api.get(f"/api/runs/{run_id}/")).json()
    assert (run["status"], run["message"]) == ("refused", "There is no workflow 'x'.")


async def test_alerts_open_and_close_and_can_be_acknowledged(gateway, api: httpx.AsyncClient) -> None:
    alert, at = new_id(), now()
    firing = build.alert_changed(alert_id=alert, state="firing", at=at, since=at)
    told = build.notification_changed(alert_id=alert, status="sent", at=at)
    await gateway.publish(ALERTS_EVENTS, (alert, firing), (alert, told))

    async def open_ones() -> bool:
        return alert in [item["id"] for item in (await api.get("/api/alerts/")).json()["items"]]

    await eventually(open_ones, within=20)
    assert (await api.post(f"/api/alerts/{alert}/acknowledge/", json={"note": "mine"})).status_code == 202
    over = build.alert_changed(alert_id=alert, state="ok", at=at + timedelta(seconds=5), since=at, resolved_at=at + timedelta(seconds=5))
    await gateway.publish(ALERTS_EVENTS, (alert, over), (alert, firing))

    async def closed() -> bool:
        return not await open_ones()

    await eventually(closed, within=20)
    shown = (await api.get(f"/api/alerts/{alert}/")).json()
    assert [line["state"] for line in shown["story"]] == ["firing", "ok"]
    assert shown["notifications"][0]["status"] == "sent"


async def test_samples_of_outside_programs_are_kept_and_garbage_goes_to_the_dead_letters(gateway, api: httpx.AsyncClient) -> None:
    source = f"billing-{new_id()}"
    good = json.dumps({"source": source, "samples": [{"name": "orders_waiting", "value": 3, "labels": {"shop": "eu"}}]}).encode()
    await gateway.publish(METRICS_SAMPLES, (source, b"not json"), (source, good))

    async def value() -> object:
        items = (await api.get("/api/metrics/", params={"source": source})).json()["items"]
        return items[0]["value"] if items else None

    await eventually(lambda: _is(value, 3.0), within=20)
    letters = await gateway.rows("SELECT value, reason FROM dead_letters WHERE topic = $1", METRICS_SAMPLES.name)
    assert any(bytes(row["value"]) == b"not json" for row in letters)


async def test_a_browser_hears_of_a_change_once_it_can_be_read_and_catches_up_after_a_break(
    gateway, api: httpx.AsyncClient, first_user
) -> None:
    cluster = await registered(api)
    url = gateway.url.replace("http://", "ws://") + f"/live?topics=cluster:{cluster}"
    headers = {"Authorization": f"Bearer {first_user}"}
    waits: list[float] = []
    async with websockets.connect(url, additional_headers=headers) as socket:
        hello = json.loads(await socket.recv())
        assert hello["kind"] == "hello"
        for number in range(12):
            at = now() + timedelta(seconds=number)
            began = time.monotonic()
            await gateway.publish(CLUSTERS_OBSERVATIONS, (cluster, build.cluster_observed(cluster_id=cluster, observed_at=at)))
            frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
            waits.append(time.monotonic() - began)
            assert (frame["kind"], frame["id"]) == ("cluster", cluster)
            state = (await api.get(f"/api/clusters/{cluster}/")).json()["state"]
            assert state["observed_at"].startswith(at.isoformat()[:23])
        last = frame["seq"]
    await gateway.publish(
        CLUSTERS_OBSERVATIONS, (cluster, build.cluster_observed(cluster_id=cluster, observed_at=now() + timedelta(seconds=60)))
    )
    await asyncio.sleep(1)
    async with websockets.connect(f"{url}&after={last}", additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["kind"] == "hello"
        missed = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert missed["id"] == cluster
        assert missed["seq"] > last
    async with websockets.connect(f"{url}&after=999999999", additional_headers=headers) as socket:
        await socket.recv()
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))["kind"] == "reset"
    assert sorted(waits)[len(waits) // 2] < 1.0, waits


async def test_the_socket_is_for_our_own_pages_and_people_only(gateway, browser: httpx.AsyncClient) -> None:
    url = gateway.url.replace("http://", "ws://") + "/live"
    cookie = f"flowtower={browser.cookies['flowtower']}"
    for headers in (
        {},
        {"Cookie": cookie},
        {"Cookie": cookie, "Origin": "https://evil.example.com"},
        {"Cookie": cookie, "Origin": "null"},
        {"Cookie": cookie, "Origin": gateway.url + ".evil.example.com"},
        {"Cookie": "flowtower=nonsense", "Origin": gateway.url},
    ):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(url, additional_headers=headers):
                pass
        assert refused.value.response.status_code == 403, headers
    async with websockets.connect(url, additional_headers={"Cookie": cookie, "Origin": gateway.url}) as socket:
        assert json.loads(await socket.recv())["kind"] == "hello"
        await socket.send("x" * 5000)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
