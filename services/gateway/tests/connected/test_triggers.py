"""Triggers: what executors tell of them is shown, and what people ask of them goes out, once and audited."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer

from shared.contracts.runs import CommandRefused, RunStarted
from shared.contracts.topics import RUNS_OUTCOMES, TRIGGERS_COMMANDS, TRIGGERS_EVENTS
from shared.contracts.triggers import TriggerFired, TriggerStanding
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing.wait import eventually

TRIGGERS = """triggers:
  - {{kind: kafka, name: orders, endpoint: {endpoint}, topic: orders, filter: value.total > 10}}
  - {{kind: schedule, name: nightly, cron: 0 6 * * 1-5, time_zone: Europe/Berlin}}
  - {{kind: event}}
"""


async def published(api: httpx.AsyncClient) -> tuple[str, str, str]:
    """Publish a workflow with three triggers; return its id, its name and its endpoint's id."""
    endpoint, name = f"kafka-{new_id()}", f"flow-{new_id()}"
    made = await api.post(
        "/api/endpoints/", json={"name": endpoint, "kind": "kafka", "options": {"bootstrap_servers": "kafka.example.com:9092"}}
    )
    assert made.status_code == 201, made.text
    queue = f"mq-{new_id()}"
    await api.post("/api/endpoints/", json={"name": queue, "kind": "mq", "options": {"host": "mq.example.com"}})
    text = f"workflow: {name}\ncomponents:\n  A: {{kind: mq, endpoint: {queue}, queue: a}}\n{TRIGGERS.format(endpoint=endpoint)}"
    workflow = await api.post("/api/workflows/", json={"yaml": text})
    assert workflow.status_code == 201, workflow.text
    return workflow.json()["id"], name, made.json()["id"]


async def commands_for(gateway: Any, workflow_id: str) -> list[dict[str, Any]]:
    consumer = AIOKafkaConsumer(
        TRIGGERS_COMMANDS.name, bootstrap_servers=gateway.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    found: list[dict[str, Any]] = []
    try:
        end = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(part) < offset for part, offset in end.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [json.loads(record.value) for record in records if record.key == workflow_id.encode()]
    finally:
        await consumer.stop()
    return found


async def test_what_executors_tell_of_triggers_is_shown(gateway: Any, api: httpx.AsyncClient) -> None:
    workflow_id, name, _ = await published(api)
    base = f"/api/workflows/{workflow_id}/triggers/"
    before = (await api.get(base)).json()["items"]
    assert [(item["name"], item["kind"], item["state"]) for item in before] == [
        ("orders", "kafka", "unknown"),
        ("nightly", "schedule", "unknown"),
        ("event", "event", "unknown"),
    ], "what nobody has told is unknown and never well"
    assert "No executor has said" in before[0]["why_not"]

    at = now()
    told: dict[str, Any] = {"workflow_id": workflow_id, "workflow": name, "at": at}
    orders, nightly = told | {"trigger": "orders", "kind": "kafka"}, told | {"trigger": "nightly", "kind": "schedule"}
    later = at + timedelta(hours=9)
    run_id = new_id()
    events = [
        TriggerStanding(**orders, version=1),
        TriggerStanding(**nightly, version=1, next_at=later),
        TriggerStanding(**nightly | {"at": at - timedelta(minutes=1)}, version=1, paused=True),
        TriggerFired(**orders, firing_id="m1", result="started", run_id=run_id),
        *(
            TriggerFired(**orders, firing_id=f"m{number}", result="filtered", reason="The filter is false for it.", count=10)
            for number in range(2, 6)
        ),
        *(TriggerFired(**nightly, firing_id=f"t{number}", result="started", run_id=f"{run_id}-t{number}") for number in range(205)),
    ]
    await gateway.publish(TRIGGERS_EVENTS, *((workflow_id, event) for event in events))
    started = RunStarted(run_id=run_id, workflow_id=workflow_id, seq=1, at=at, workflow=name, version=1, trigger="kafka:orders")
    from_outside = started.model_copy(update={"run_id": new_id(), "trigger": "event"})
    why = "The inputs are not what it declares: “day” is missing."
    refused = CommandRefused(run_id=f"{run_id}-t204", workflow_id=workflow_id, seq=1, at=at, workflow=name, command="start", reason=why)
    told_of_runs = [(item.run_id, item) for item in (started, from_outside, refused)]
    await gateway.publish(RUNS_OUTCOMES, *told_of_runs)

    async def shown() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = (await api.get(base)).json()["items"]
        ready = items[1]["firings"] and items[1]["firings"][0]["firing_id"] == "t204" and items[2]["firings"]
        return items if ready and items[0]["firings"][-1]["run_status"] and items[1]["firings"][0]["run_status"] else None

    first, second, third = await eventually(shown, within=30)
    assert (first["state"], first["listens_to"]) == ("active", f"orders on {first['listens_to'].split(' on ')[1]}")
    assert [(item["result"], item["count"]) for item in first["firings"]] == [("filtered", 40), ("started", 1)], "what passed is added up"
    assert first["firings"][1]["run_status"] == "running"
    assert first["why_not"] == "The last time it started nothing (40 times): The filter is false for it."
    assert (second["state"], second["paused"]) == ("active", False), "an older standing changes nothing"
    assert (second["firings"][0]["run_status"], second["firings"][0]["reason"]) == ("refused", why)
    assert second["why_not"] == f"The last time its run was refused: {why}"
    assert second["next_at"].startswith(later.isoformat()[:19])
    assert third["firings"][0]["run_id"] == from_outside.run_id
    kept = 0
    after: str | None = None
    while kept == 0 or after:
        page = (await api.get(f"{base}nightly/firings/", params={"limit": 100, **({"after": after} if after else {})})).json()
        kept, after = kept + len(page["items"]), page["next"]
    assert kept == 200
    assert (await api.get(f"{base}nobody/")).status_code == 404
    assert (await api.get("/api/workflows/nothing/triggers/")).status_code == 404

    live = await gateway.rows("SELECT count(*) FROM live_changes WHERE kind = 'trigger' AND id = $1", workflow_id)
    assert live[0][0] > 0


async def test_what_people_ask_of_triggers_goes_out_once_and_is_audited(gateway: Any, api: httpx.AsyncClient) -> None:
    workflow_id, name, endpoint_id = await published(api)
    base = f"/api/workflows/{workflow_id}/triggers"
    key = {"Idempotency-Key": new_id()}
    fired = await asyncio.gather(*(api.post(f"{base}/orders/fire/", headers=key) for _ in range(5)))
    assert {answer.status_code for answer in fired} == {202}
    (firing_id,) = {answer.json()["firing_id"] for answer in fired}
    assert (await api.post(f"{base}/nightly/pause/")).json() == {"trigger": "nightly", "asked": "pause"}
    assert (await api.post(f"{base}/nightly/resume/")).status_code == 202
    assert (await api.post(f"{base}/event/pause/")).status_code == 202
    assert (await api.post(f"{base}/nobody/pause/")).status_code == 404

    async def sent() -> list[dict[str, Any]] | None:
        found = await commands_for(gateway, workflow_id)
        return found if len(found) >= 4 else None

    commands = await eventually(sent, within=30)
    assert [(command["command"], command["trigger"], command.get("paused")) for command in commands] == [
        ("fire_trigger", "orders", None),
        ("pause_trigger", "nightly", True),
        ("pause_trigger", "nightly", False),
        ("pause_trigger", "event", True),
    ]
    assert (commands[0]["firing_id"], commands[0]["requested_by"]) == (firing_id, "ada")
    audit = (await api.get("/api/audit/", params={"subject": workflow_id})).json()["items"]
    assert [(entry["action"], entry["after"]) for entry in audit[:4]] == [
        ("trigger.pause", {"paused": True}),
        ("trigger.resume", {"paused": False}),
        ("trigger.pause", {"paused": True}),
        ("trigger.fire", {"firing_id": firing_id}),
    ]
    assert audit[0]["before"] == {"paused": None}, "as far as we know"
    # An endpoint that only a trigger uses is in use.
    refused = await api.delete(f"/api/endpoints/{endpoint_id}/")
    assert refused.status_code == 409
    assert name in refused.text
