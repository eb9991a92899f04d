"""With any one service down the others go on, and the gateway says which is away."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from shared.runtime.ids import new_id
from shared.testing.kafka import KafkaPart
from shared.testing.tower import SERVICES, Api, Tower
from shared.testing.wait import eventually

if TYPE_CHECKING:
    from conftest import Watched

pytestmark = [pytest.mark.connected, pytest.mark.timeout(600)]


@pytest.fixture(params=SERVICES)
async def gone(request: pytest.FixtureRequest, tower: Tower, bell: str) -> AsyncIterator[str]:
    """Kill a service without a farewell; it is started again after the test, whatever the test did."""
    assert bell
    name: str = request.param
    await asyncio.to_thread(tower.kill, name)
    yield name
    if not tower.process(name).running:
        await asyncio.to_thread(tower.start, name)


async def seen(api: Api, name: str) -> bool | None:
    """Return what the gateway says of a service: True up, False away, None unknown."""
    found = {each["name"]: each["up"] for each in (await api.get("/api/health/"))["services"]}
    up: bool | None = found[name]
    return up


async def test_the_others_go_on_and_say_who_is_away(
    tower: Tower, api: Api, kafka: KafkaPart, outside: AIOKafkaProducer, bell: str, gone: str
) -> None:
    run_id = new_id()
    if gone == "gateway":
        # Nobody is there to click, but programs outside still start runs, and hear of them.
        start = {"command": "start", "workflow": bell, "run_id": run_id}
        await outside.send_and_wait("runs.commands.v1", json.dumps(start).encode())

        async def told() -> bool:
            events = [json.loads(record.value) for record in await kafka.read("runs.outcomes.v1")]
            return any(event["run_id"] == run_id and event["event"] == "run.finished" for event in events)

        await eventually(told, within=30, every=0.5, about="the run's end on runs.outcomes.v1")
    else:
        run_id = await api.start(bell)

        async def known_to_be_away() -> bool:
            return await seen(api, gone) is False

        await eventually(known_to_be_away, within=30, every=0.5, about=f"the gateway says that {gone} is away")
        if gone == "executor":
            assert (await api.run(run_id))["status"] == "asked", "a wish is kept, and nothing is pretended"
        else:
            assert (await api.ended(run_id))["status"] == "succeeded"

    for other in SERVICES:
        if other != gone:
            readiness = await tower.readiness(other)
            assert readiness["ready"], (other, readiness)
            assert tower.process(other).running

    await asyncio.to_thread(tower.start, gone)

    async def back() -> bool:
        return await seen(api, gone) is True if gone != "gateway" else (await tower.readiness("gateway"))["ready"]

    await eventually(back, within=60, every=0.5, about=f"{gone} is back")

    async def caught_up() -> bool:
        answer = await api.client.get(f"/api/runs/{run_id}/")
        return answer.status_code == 200 and answer.json()["status"] == "succeeded"

    await eventually(caught_up, within=60, every=0.5, about="the run that was asked for meanwhile")


async def test_clusters_that_nobody_polls_are_unknown_with_their_age_and_the_pages_say_why(
    tower: Tower, api: Api, watched: "Watched"
) -> None:
    notices = {
        f"/clusters/{watched.cluster_id}/": "<strong>The cluster-poller is away</strong>",
        "/": "<strong>cluster-poller is away</strong>",
    }

    async def said(address: str, *, away: bool) -> str:
        text = (await api.client.get(address, headers={"Accept": "text/html"})).text
        assert (notices[address] in text) is away
        return text

    for address in notices:
        await said(address, away=False)
    await asyncio.to_thread(tower.kill, "cluster-poller")
    try:

        async def unknown() -> dict[str, object] | None:
            state = await watched.state()
            return state if state["health"] == "unknown" else None

        state = await eventually(unknown, within=60, every=0.5, about="what nobody looks at is not called healthy") or {}
        assert state["stale"]
        assert state["age_seconds"] > 19, "until then the last observation counts"
        assert state["sentence"] == "It was not observed lately: the poller is away or behind."
        dags = (await api.get("/api/dags/", cluster=watched.cluster_id))["items"]
        assert [(dag["dag_id"], dag["stale"]) for dag in dags] == [("nightly", True)]

        for address in notices:
            text = await eventually(lambda address=address: said(address, away=True), within=30, about=f"{address} says who is away")
            assert "chip tone-unknown" in text or "tile tone-unknown" in text
            assert state["sentence"] in text.replace("&#39;", "'")
        assert f"{watched.name} can't be seen" in text.replace("&#39;", "'")
    finally:
        await asyncio.to_thread(tower.start, "cluster-poller")

    async def healthy() -> bool:
        return bool((await watched.state())["health"] == "healthy")

    await eventually(healthy, within=60, every=0.5, about="it is seen again by itself")
    for address in notices:
        await eventually(lambda address=address: said(address, away=False), within=30, about=f"{address} says no more that it is away")
