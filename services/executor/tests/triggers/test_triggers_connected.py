"""Triggers on a real Kafka and PostgreSQL: what fires starts a run, and what does not says why."""

import asyncio
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.clusters import ClusterRegistered
from shared.contracts.dags import DagRunSeen, DagRunsObserved
from shared.contracts.runs import StartRun
from shared.contracts.topics import CLUSTERS_REGISTRY, DAGS_OBSERVATIONS, RUNS_COMMANDS, TRIGGERS_COMMANDS
from shared.contracts.triggers import FireTrigger
from shared.contracts.workflows import DagTrigger, EventTrigger, ScheduleTrigger
from shared.runtime import clock
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.usefixtures("executor")]


async def test_a_message_that_matches_starts_a_run_and_any_other_says_why_not(plant: Any, tower: Any, firings: Any) -> None:
    before = await firings.of("kafka")
    assert set(before) == {"started", "filtered", "paused", "missed", "failed"}, "also what has not happened yet is there, as nought"
    trigger = plant.trigger(
        filter='value.kind == "order" && value.total > 10',
        map={"order": "value.id", "who": 'headers["who"]', "at": "offset"},
        inputs={"origin": "kafka"},
    )
    await plant.publish(trigger)
    assert (
        "does not exist" in (await eventually(lambda: plant.standing() if plant.standing().trouble.startswith("Topic") else None)).trouble
    )
    await plant.kafka.create_topic(plant.topic)
    order = {"kind": "order", "total": 12}
    who = [("who", b"eve"), ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    # The topic came after the trigger, so that what is in it before anybody listens is news.
    await plant.send(order | {"id": 1}, headers=who)
    await plant.stands(trouble="", within=40)
    await plant.send({"kind": "note"}, {"kind": "order", "total": 3}, headers=who)
    await plant.send(b"\xff no JSON", None, order | {"id": float("nan"), "total": 10**30}, headers=who)
    await plant.send(order | {"id": 2}, order | {"id": "\u0000"}, order | {"id": 3}, headers=who)
    await plant.counted("started", 4)
    await plant.counted("filtered", 2)
    await plant.counted("failed", 3)
    assert all("no value for this message" in event.reason for event in plant.fired("failed"))
    for fired in plant.fired("started"):
        await tower.until(fired.run_id, "run.finished")
        started = tower.of(fired.run_id)[0]
        assert started.trigger == "kafka:orders"
        assert started.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
        assert started.inputs | {"order": 0, "at": 0} == {"origin": "kafka", "who": "eve", "order": 0, "at": 0}
    assert sorted(str(event.inputs["order"]) for event in plant.starts()) == ["1", "2", "3", "\ufffd"]

    await plant.pause("orders", True)
    await plant.send(order | {"id": 4}, order | {"id": 5}, headers=who)
    await plant.counted("paused", 2)
    fire = FireTrigger(workflow_id=plant.workflow_id, trigger="orders", firing_id=uuid.uuid4().hex, requested_by="ada")
    for _ in range(2):
        await tower.send(TRIGGERS_COMMANDS, fire, plant.workflow_id)
    await plant.counted("started", 5)
    by_hand = plant.fired("started")[-1]
    assert (by_hand.firing_id, by_hand.reason) == (fire.firing_id, "Fired by hand by ada.")
    assert (await tower.until(by_hand.run_id, "run.started")).requested_by == "ada"
    await plant.pause("orders", False)
    await plant.stands(trouble="")
    await asyncio.sleep(1.5)
    await plant.send(order | {"id": 6}, headers=who)
    await plant.counted("started", 6)
    await firings.grew("kafka", before, started=6, filtered=2, paused=2, failed=3)
    await plant.publish(trigger, retired=True)
    await plant.stands(gone=True)


async def test_what_exceeds_the_limit_waits_in_the_topic_and_a_new_version_goes_on_there(plant: Any) -> None:
    await plant.kafka.create_topic(plant.topic, partitions=3)
    await plant.send({"id": -1})
    await plant.publish(plant.trigger(most_per_minute=5, map={"id": "value.id"}), real=False)
    await plant.stands(trouble="")
    await plant.send(*({"id": number} for number in range(12)))
    await plant.counted("started", 5)
    assert "most_per_minute" in (await eventually(lambda: plant.standing() if plant.standing().trouble else None)).trouble
    await asyncio.sleep(2)
    assert plant.count("started") == 5
    await plant.publish(plant.trigger(most_per_minute=100, map={"id": "value.id"}), version=2, real=False)
    await plant.counted("started", 12)
    await eventually(lambda: len(plant.starts()) == 12, within=20)
    assert sorted(event.inputs["id"] for event in plant.starts()) == list(range(12)), "what was there before the trigger does not fire"
    assert {event.version for event in plant.starts()} == {1, 2}


async def test_a_trigger_that_was_gone_and_comes_back_does_not_fire_its_past(plant: Any, rows: Any) -> None:
    await plant.kafka.create_topic(plant.topic)
    hourly = ScheduleTrigger(name="hourly", cron="0 * * * *", catch_up="all")
    triggers = plant.trigger(map={"id": "value.id"}), hourly
    await plant.publish(*triggers, real=False)
    await plant.stands(trouble="")
    await plant.send({"id": 1})
    await plant.counted("started", 1)
    await plant.publish(EventTrigger(), version=2, real=False)
    for name in ("orders", "hourly"):
        await plant.stands(name, gone=True)
    await plant.send({"id": 2}, {"id": 3})
    await rows("UPDATE triggers SET next_at = next_at - interval '5 hours' WHERE workflow_id = $1 AND name = 'hourly'", plant.workflow_id)
    await plant.publish(*triggers, version=3, real=False)
    assert (await plant.stands("hourly", gone=False)).next_at > clock.now()
    await plant.stands(gone=False, trouble="")
    await plant.send({"id": 4})
    await plant.counted("started", 2)
    await eventually(lambda: len(plant.starts()) == 2, within=20)
    assert sorted(event.inputs["id"] for event in plant.starts()) == [1, 4]
    assert (plant.fired("started", "hourly"), plant.fired("missed", "hourly")) == ([], [])


async def test_schedules_fire_at_their_time_and_make_up_for_what_passed(plant: Any, rows: Any, tower: Any) -> None:
    every = {"cron": "0 * * * *", "time_zone": "Europe/Berlin"}
    triggers = [
        ScheduleTrigger(name="minute", cron="* * * * *", inputs={"from": "clock"}),
        ScheduleTrigger(name="never", cron="0 0 30 2 *"),
        *(ScheduleTrigger.model_validate({"name": name, "catch_up": name, "most_catch_up": 2} | every) for name in ("none", "last", "all")),
    ]
    await plant.publish(*triggers, real=False)
    never = await plant.stands("never")
    assert "never fires" in never.trouble
    assert never.next_at is None
    assert (await plant.stands("all")).next_at > clock.now()
    minute = (await plant.stands("minute")).next_at
    # Nobody was there for five hours and a quarter.
    past = "date_trunc('hour', clock_timestamp()) - interval '4 hours 45 minutes'"
    query = f"UPDATE triggers SET next_at = {past} WHERE workflow_id = $1 AND name IN ('none', 'last', 'all')"
    await rows(query, plant.workflow_id)
    for name, started, missed in (("none", 0, 5), ("last", 1, 4), ("all", 2, 3)):
        await plant.counted("missed", missed, name)
        await plant.counted("started", started, name)
        assert (await plant.stands(name)).next_at - clock.now() <= timedelta(hours=1)
    assert all("catch_up" in event.reason for name in ("none", "last", "all") for event in plant.fired("missed", name))
    fired = await eventually(lambda: plant.fired("started", "minute"), within=70)
    assert fired[0].planned_at == minute
    assert (fired[0].at - minute) < timedelta(seconds=5)
    started = await tower.until(fired[0].run_id, "run.started")
    assert (started.trigger, started.inputs) == ("schedule:minute", {"from": "clock"})
    await plant.publish(*triggers, retired=True)


async def test_a_dag_run_fires_once_for_each_state_and_history_never(plant: Any, tower: Any) -> None:
    cluster_id, name = f"id-{plant.endpoint}", f"air-{plant.endpoint}"
    mapping = {"run": "dag_run_id", "where": "cluster + '/' + dag_id"}
    await plant.publish(DagTrigger(name="done", cluster=name, dag_id="etl", states=("success", "failed"), map=mapping), real=False)
    assert "no cluster" in (await plant.stands("done")).trouble
    registered = ClusterRegistered(cluster_id=cluster_id, name=name, base_url="http://127.0.0.1:1")
    await tower.send(CLUSTERS_REGISTRY, registered, cluster_id)
    await plant.stands("done", trouble="")

    async def seen(*runs: tuple[str, str], dag: str = "etl", **more: Any) -> None:
        told = tuple(
            DagRunSeen.model_validate({"dag_id": dag, "dag_run_id": run, "state": state, "sort_at": clock.now()} | more)
            for run, state in runs
        )
        observed = DagRunsObserved(cluster_id=cluster_id, observed_at=clock.now(), runs=told, first_sight=bool(more.get("first_sight")))
        await tower.send(DAGS_OBSERVATIONS, observed, cluster_id)

    await seen(("history", "success"), first_sight=True)
    await seen(("long-ago", "success"), ended_at=clock.now() - timedelta(hours=1))
    await seen(("r1", "running"), ("other", "success"), dag="another")
    await seen(("r1", "success"), ("r2", "running"))
    await seen(("r1", "success"), ("r2", "failed"))
    await seen(("r2", "success"), ended_at=clock.now())
    await plant.counted("started", 3, "done")
    await eventually(lambda: len(plant.starts()) == 3)
    assert Counter(event.inputs["run"] for event in plant.starts()) == {"r1": 1, "r2": 2}
    assert {(event.trigger, event.inputs["where"]) for event in plant.starts()} == {("dag:done", f"{name}/etl")}
    await plant.pause("done", True)
    await seen(("r3", "success"))
    await plant.counted("paused", 1, "done")
    await tower.producer.send_and_wait(CLUSTERS_REGISTRY.name, None, key=cluster_id.encode())
    assert "no cluster" in (await eventually(lambda: plant.standing("done") if plant.standing("done").trouble else None)).trouble


async def test_the_event_trigger_can_be_paused(plant: Any, tower: Any, firings: Any) -> None:
    before = await firings.of("event")
    await plant.publish(EventTrigger(), real=False)
    await plant.stands("event", trouble="")

    async def from_outside() -> str:
        run = uuid.uuid4().hex
        command = RUNS_COMMANDS.encode(StartRun(workflow=plant.workflow, run_id=run, trigger="kafka:forged"))
        await tower.producer.send_and_wait(RUNS_COMMANDS.name, command, key=run.encode())
        return run

    assert (await tower.until(await from_outside(), "run.started")).trigger == "event"
    await plant.pause("event", True)
    await asyncio.sleep(1.2)
    refused = await tower.until(await from_outside(), "command.refused")
    assert "is paused" in refused.reason
    await plant.counted("paused", 1, "event")
    await plant.pause("event", False)
    await asyncio.sleep(1.2)
    await tower.until(await from_outside(), "run.started")
    await firings.grew("event", before, started=2, paused=1)
