"""Kafka or PostgreSQL away: every service waits, says which, and goes on by itself; what was asked meanwhile is not lost."""

import asyncio

import pytest

from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart
from shared.testing.tower import SERVICES, Api, Tower
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(900)]


async def reasons(tower: Tower, name: str) -> str:
    """Return the reasons of the checks that fail, in one string, empty when the service is ready."""
    said = await tower.readiness(name)
    return "" if said["ready"] else "; ".join(check["reason"] or "" for check in said["checks"].values() if not check["ok"])


@pytest.mark.parametrize(("part", "word"), [("kafka", "kafka"), ("postgres", "postgres|database")])
async def test_services_wait_say_so_and_go_on(
    tower: Tower, api: Api, bell: str, request: pytest.FixtureRequest, part: str, word: str
) -> None:
    away: KafkaPart | PostgresPart = request.getfixturevalue(part)
    processes = {name: tower.process(name).pid for name in SERVICES}
    await asyncio.to_thread(away.kill)
    try:
        for name in SERVICES:

            async def says_so(name: str = name) -> bool:
                said = (await reasons(tower, name)).lower()
                return any(each in said for each in word.split("|"))

            await eventually(says_so, within=60, every=0.5, about=f"{name} says that {part} is away")
        if part == "kafka":
            # The wish stands in the database and leaves when Kafka is back.
            run_id = await api.start(bell)
        await asyncio.sleep(5)
    finally:
        await asyncio.to_thread(away.start)
    for name in SERVICES:
        await tower.eventually_ready(name)
    if part == "postgres":
        run_id = await api.start(bell)
    assert (await api.ended(run_id, within=90))["status"] == "succeeded"
    assert {name: tower.process(name).pid for name in SERVICES} == processes, "nobody had to be started again"
