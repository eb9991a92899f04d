"""Kafka or PostgreSQL away: every service waits, says which, and goes on by itself; what happened meanwhile is not lost.

Each service has something to do in that time: the gateway is asked for runs, the executor has runs to begin, a DAG fails on a cluster
that the poller watches, and the alerter has a rule about it.
"""

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from shared.runtime.ids import new_id
from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart
from shared.testing.tower import SERVICES, Api, Tower
from shared.testing.wait import eventually

if TYPE_CHECKING:
    from conftest import Watched

AWAY_SECONDS = float(os.environ.get("CHAOS_AWAY", "2"))
"""After every service has noticed."""
ASKED = 5

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(900)]


async def reasons(tower: Tower, name: str) -> str:
    """Return the reasons of the checks that fail, in one string, empty when the service is ready."""
    said = await tower.readiness(name)
    return "" if said["ready"] else "; ".join(check["reason"] or "" for check in said["checks"].values() if not check["ok"])


async def known(tower: Tower, rule_id: str) -> bool:
    """Whether the alerter has the rule: what fails before that is no alert of it."""
    connection = await asyncpg.connect(tower.database_url)
    try:
        return bool(await connection.fetchval("SELECT 1 FROM alerter.rules WHERE rule_id = $1", rule_id))
    finally:
        await connection.close()


async def ask(api: Api, outside: AIOKafkaProducer, bell: str, part: str) -> list[str]:
    """Ask for runs by the way that is left: without Kafka over the API, without PostgreSQL over Kafka."""
    if part == "kafka":
        # The wishes stand in the database and leave when Kafka is back.
        return [await api.start(bell) for _ in range(ASKED)]
    runs = [new_id() for _ in range(ASKED)]
    for run_id in runs:
        start = {"command": "start", "workflow": bell, "run_id": run_id}
        await outside.send_and_wait("runs.commands.v1", json.dumps(start).encode(), key=run_id.encode())
    return runs


@pytest.mark.parametrize(("part", "word"), [("kafka", "kafka"), ("postgres", "postgres|database")])
async def test_services_wait_say_so_and_go_on(
    tower: Tower,
    api: Api,
    bell: str,
    outside: AIOKafkaProducer,
    watched: "Watched",
    request: pytest.FixtureRequest,
    part: str,
    word: str,
) -> None:
    away: KafkaPart | PostgresPart = request.getfixturevalue(part)
    rule = {
        "name": f"nightly-failed-{part}",
        "subject": "dag_run",
        "expression": f"state == 'failed' && cluster == '{watched.name}'",
        "summary": "{run_id} failed",
        "severity": "critical",
    }
    rule_id = (await api.post("/api/alerts/rules/", rule))["id"]
    await eventually(lambda: known(tower, rule_id), within=30, about="the alerter knows the rule")
    processes = {name: tower.process(name).pid for name in SERVICES}
    await asyncio.to_thread(away.kill)
    try:
        failed = await watched.trigger()
        for name in SERVICES:

            async def says_so(name: str = name) -> bool:
                said = (await reasons(tower, name)).lower()
                return any(each in said for each in word.split("|"))

            await eventually(says_so, within=60, every=0.5, about=f"{name} says that {part} is away")
        runs = await ask(api, outside, bell, part)
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        await asyncio.to_thread(away.start)
    for name in SERVICES:
        await tower.eventually_ready(name)

    async def succeeded(run_id: str) -> bool:
        answer = await api.client.get(f"/api/runs/{run_id}/")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "succeeded", answer.json()["status"]
        return True

    for run_id in runs:
        await eventually(lambda run_id=run_id: succeeded(run_id), within=90, every=0.3, about=f"run {run_id}, asked for meanwhile")

    async def alerted() -> bool:
        titles = [alert["title"] for alert in (await api.get("/api/alerts/", state="open"))["items"]]
        assert f"{failed} failed" in titles, titles
        return True

    await eventually(alerted, within=90, every=0.5, about="the DAG run that failed meanwhile is an alert")

    async def healthy() -> bool:
        return bool((await watched.state())["health"] == "healthy")

    await eventually(healthy, within=60, every=0.5, about="the cluster is seen again")
    assert {name: tower.process(name).pid for name in SERVICES} == processes, "nobody had to be started again"
    await api.client.delete(f"/api/alerts/rules/{rule_id}/", headers={"If-Match": "*"})
    sys.stdout.write(
        f"\ninjected: {part} killed and away for {AWAY_SECONDS:g} s more after all said so; {ASKED} runs, 1 DAG run meanwhile\n"
    )
