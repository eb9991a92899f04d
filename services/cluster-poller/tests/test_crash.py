"""Processes that die or freeze in the middle: nothing is done twice, nothing is forgotten, nothing stale is written."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from cluster_poller.adapters.leases import LEASE_SECONDS
from shared.contracts import topics
from shared.contracts.clusters import ClusterRegistered, CommandStatus
from shared.contracts.dags import DagRunsObserved, DagsObserved
from shared.runtime.clock import now
from shared.runtime.failpoints import EXIT_CODE
from shared.runtime.ids import new_id
from shared.testing.wait import eventually
from simulated_airflow.serving import Simulated

pytestmark = [pytest.mark.connected, pytest.mark.chaos]

Register = Callable[..., ClusterRegistered]


async def watched(station: Any, register: Register, simulated: Simulated) -> str:
    cluster_id = new_id()
    await station.say(topics.CLUSTERS_REGISTRY, register(simulated.url, cluster_id=cluster_id), cluster_id)

    async def seen() -> bool:
        return bool(await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id))

    await eventually(seen, within=40, every=0.3)
    return cluster_id


@pytest.mark.parametrize("place", ["poller.before_act", "poller.after_act", "poller.after_sent"])
async def test_a_command_survives_a_crash_at_every_step(
    station: Any, register: Register, simulate: Callable[..., Simulated], place: str
) -> None:
    simulated = simulate("v2")
    process = station.processes["0"]
    await asyncio.to_thread(process.stop)
    await asyncio.to_thread(station.start, "0", FLOWTOWER_FAILPOINTS=f"{place}=exit")
    cluster_id = await watched(station, register, simulated)
    do = {"action": "trigger_dag", "dag_id": "ok_three", "dag_run_id": "once"}
    command_id = await station.command(cluster_id, do)
    crashed = station.processes["0"]
    await eventually(lambda: crashed.exit_code is not None, within=60)
    assert crashed.exit_code == EXIT_CODE
    assert len([run for run in simulated.world.runs.values() if run.run_id == "once"]) == (0 if place == "poller.before_act" else 1)
    simulated.set(forget_requests=True)
    await asyncio.to_thread(crashed.stop)
    await asyncio.to_thread(station.start, "0")
    end = await station.settled(command_id, cluster_id, within=60)
    assert end.status is CommandStatus.CONFIRMED, end
    assert len([run for run in simulated.world.runs.values() if run.run_id == "once"]) == 1
    triggers = simulated.requests.get("POST /api/v2/dags/{id}/dagRuns", 0)
    assert triggers == (1 if place == "poller.before_act" else 0), "what was done already is read back, not done again"


async def test_a_restart_tells_nothing_twice_and_misses_nothing(
    station: Any, register: Register, simulate: Callable[..., Simulated]
) -> None:
    simulated = simulate("v1")
    for number in range(40):
        simulated.world.trigger("fails", f"old{number}", now=now(), conf={}, note=None, logical_date=None, by="x")
    cluster_id = await watched(station, register, simulated)

    async def told(state: str) -> set[str]:
        events = await station.heard(topics.DAGS_OBSERVATIONS, cluster_id)
        runs = [run for event in events if isinstance(event, DagRunsObserved) for run in event.runs]
        return {run.dag_run_id for run in runs if run.state == state and (state != "failed" or run.task_counts)}

    async def all_failed() -> bool:
        return len(await told("failed")) == 40

    await eventually(all_failed, within=60, every=0.5)
    await asyncio.sleep(3)
    before = len(await station.heard(topics.DAGS_OBSERVATIONS, cluster_id))
    process = station.processes["0"]
    await asyncio.to_thread(process.kill)
    simulated.world.trigger("ok_three", "while-away", now=now(), conf={}, note=None, logical_date=None, by="x")
    await asyncio.to_thread(station.start, "0")

    async def caught_up() -> bool:
        return "while-away" in await told("success")

    await eventually(caught_up, within=60, every=0.5)
    events = (await station.heard(topics.DAGS_OBSERVATIONS, cluster_id))[before:]
    again = {run.dag_run_id for event in events if isinstance(event, DagRunsObserved) for run in event.runs}
    assert again == {"while-away"}
    assert not any(event.first_sight for event in events if isinstance(event, DagRunsObserved))
    assert len([event for event in events if isinstance(event, DagsObserved)]) <= 1


async def test_a_frozen_replica_loses_its_clusters_and_writes_nothing_stale(
    station: Any, register: Register, simulate: Callable[..., Simulated]
) -> None:
    simulated = simulate("v2")
    cluster_id = await watched(station, register, simulated)
    frozen = station.processes["0"].pid
    os.kill(frozen, signal.SIGSTOP)
    try:
        await asyncio.to_thread(station.start, "1")
        owner, epoch = await eventually(lambda: holder(station, cluster_id, "1"), within=LEASE_SECONDS + 30, every=0.5)
        count = len(await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id))

        async def goes_on() -> bool:
            return len(await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id)) >= count + 2

        await eventually(goes_on, within=30, every=0.5)
    finally:
        os.kill(frozen, signal.SIGCONT)
    await asyncio.sleep(4)
    after = await holder(station, cluster_id)
    assert after is not None
    assert after == (owner, epoch) or after[1] > epoch, "the old epoch holds again"
    times = [seen.observed_at for seen in await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id)]
    assert times == sorted(times), "an old observation was published behind a newer one"
    await asyncio.to_thread(station.processes.pop("1").stop)
    await eventually(lambda: holder(station, cluster_id, "0"), within=30, every=0.5)


async def test_a_replica_whose_leases_ran_out_claims_them_anew(
    station: Any, register: Register, simulate: Callable[..., Simulated]
) -> None:
    cluster_id = await watched(station, register, simulate("v2"))
    _, epoch = await eventually(lambda: holder(station, cluster_id), within=20)
    connection = await asyncpg.connect(station.database_url)
    try:
        # As it stands after the database was away for longer than a lease.
        await connection.execute("UPDATE poller.clusters SET lease_until = clock_timestamp() - interval '1 minute'")
    finally:
        await connection.close()

    async def held_again() -> bool:
        held = await holder(station, cluster_id)
        return held is not None and held[1] > epoch

    await eventually(held_again, within=20, every=0.5, about="the only replica has the cluster again")
    count = len(await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id))

    async def goes_on() -> bool:
        return len(await station.heard(topics.CLUSTERS_OBSERVATIONS, cluster_id)) >= count + 2

    await eventually(goes_on, within=30, every=0.5, about="it is polled again")


async def test_two_replicas_share_the_clusters_and_one_that_stops_hands_over(
    station: Any, register: Register, simulate: Callable[..., Simulated]
) -> None:
    simulated = simulate("v1")
    ids = [await watched(station, register, simulated) for _ in range(4)]
    await asyncio.to_thread(station.start, "1")

    async def shared() -> bool:
        held = await holdings(station)
        return set(held) == {"0", "1"} and max(held.values()) - min(held.values()) <= 1

    await eventually(shared, within=30, every=0.5)
    await asyncio.to_thread(station.processes.pop("1").stop)

    async def all_back() -> bool:
        return all([await holder(station, cluster_id, "0") for cluster_id in ids])

    await eventually(all_back, within=LEASE_SECONDS - 5, every=0.5, about="a replica that stops gives its clusters back at once")


async def test_a_database_that_is_away_is_waited_for(station: Any, register: Register, simulate: Callable[..., Simulated]) -> None:
    simulated = simulate("v2")
    cluster_id = await watched(station, register, simulated)
    url = f"http://127.0.0.1:{station.ports['0']}/readyz"
    await asyncio.to_thread(station.postgres.stop)
    async with httpx.AsyncClient(timeout=10) as client:

        async def says_so() -> bool:
            answer = await client.get(url)
            return answer.status_code == 503 and not answer.json()["checks"]["database"]["ok"]

        await eventually(says_so, within=20, every=0.5)
        simulated.world.trigger("ok_three", "meanwhile", now=now(), conf={}, note=None, logical_date=None, by="x")
        await asyncio.sleep(3)
        await asyncio.to_thread(station.postgres.start)

        async def ready() -> bool:
            return (await client.get(url)).status_code == 200

        await eventually(ready, within=40, every=0.5)

    async def told() -> bool:
        events = await station.heard(topics.DAGS_OBSERVATIONS, cluster_id)
        runs = [run for event in events if isinstance(event, DagRunsObserved) for run in event.runs]
        return any(run.dag_run_id == "meanwhile" for run in runs)

    await eventually(told, within=40, every=0.5)


async def holder(station: Any, cluster_id: str, instance: str = "") -> tuple[str, int] | None:
    """Give who holds a cluster's lease, if it is the given instance."""
    connection = await asyncpg.connect(station.database_url)
    try:
        row = await connection.fetchrow(
            "SELECT lease_owner, lease_epoch FROM poller.clusters WHERE cluster_id = $1 AND lease_until > clock_timestamp()", cluster_id
        )
    finally:
        await connection.close()
    return (row["lease_owner"], row["lease_epoch"]) if row is not None and str(row["lease_owner"]).startswith(f"{instance}") else None


async def holdings(station: Any) -> dict[str, int]:
    """Give how many clusters each replica watches, also those of other tests: the share is of them all."""
    query = """
        SELECT split_part(lease_owner, '-', 1), count(*) FROM poller.clusters WHERE lease_until > clock_timestamp() GROUP BY 1
    """
    connection = await asyncpg.connect(station.database_url)
    try:
        return {row[0]: row[1] for row in await connection.fetch(query)}
    finally:
        await connection.close()
