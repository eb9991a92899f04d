"""Programs outside Flowtower: what they may send, what becomes of their mistakes, and what they may read."""

import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from jsonschema import Draft202012Validator, FormatChecker

from shared.runtime.ids import new_id
from shared.testing.kafka import KafkaPart
from shared.testing.prometheus import PrometheusPart
from shared.testing.receiver import Receiver
from shared.testing.tower import Api, Tower
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.timeout(600)]

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"


async def dead_letters(kafka: KafkaPart, topic: str, marker: bytes) -> dict[str, dict[str, str]]:
    """Return group → headers of the dead letters of a topic whose bytes hold a marker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(f"{topic}.") and name.endswith(".dlq")]
    finally:
        await admin.close()
    found = {}
    for name in names:
        for record in await kafka.read(name):
            if marker in (record.value or b""):
                group = name.removeprefix(f"{topic}.").removesuffix(".dlq")
                found[group] = {key: value.decode() for key, value in record.headers}
    return found


async def test_a_plain_message_starts_a_run_and_garbage_before_it_is_a_dead_letter(
    api: Api, kafka: KafkaPart, outside: AIOKafkaProducer, bell: str, receiver: Receiver
) -> None:
    receiver.clear()
    run_id, marker = new_id(), new_id()
    # The same key, so the same partition: what comes after the garbage really waits behind it.
    await outside.send_and_wait("runs.commands.v1", f"no json, {marker}".encode(), key=b"k")
    await outside.send_and_wait("runs.commands.v1", json.dumps({"command": "start", "comment": marker}).encode(), key=b"k")
    start = {"command": "start", "workflow": bell, "run_id": run_id, "inputs": {"day": "2026-01-01"}}
    await outside.send_and_wait("runs.commands.v1", json.dumps(start).encode(), key=b"k")

    async def known() -> bool:
        return (await api.client.get(f"/api/runs/{run_id}/")).status_code == 200

    await eventually(known, within=30, about="the run is in the read model")
    run = await api.ended(run_id)
    assert (run["status"], run["trigger"], run["inputs"]) == ("succeeded", "event", {"day": "2026-01-01"})
    (call,) = receiver.calls("/ring")
    assert call.method == "POST"

    async def both() -> bool:
        letters = [record for record in await kafka.read("runs.commands.v1.executor.commands.dlq") if marker.encode() in record.value]
        return len(letters) == 2

    await eventually(both, within=20, about="two dead letters")
    letters = [record for record in await kafka.read("runs.commands.v1.executor.commands.dlq") if marker.encode() in record.value]
    undecodable, invalid = ({key: value.decode() for key, value in record.headers} for record in letters)
    assert letters[0].value == f"no json, {marker}".encode()
    assert undecodable["dl_kind"] == "undecodable"
    assert undecodable["dl_topic"] == "runs.commands.v1"
    assert int(undecodable["dl_offset"]) + 1 == int(invalid["dl_offset"])
    assert "workflow" in invalid["dl_reason"]


async def test_a_message_that_names_only_a_workflow_starts_one_run(api: Api, outside: AIOKafkaProducer, bell: str) -> None:
    before = {run["id"] for run in await api.runs(bell)}
    await outside.send_and_wait("runs.commands.v1", json.dumps({"command": "start", "workflow": bell}).encode())

    async def new() -> str:
        fresh = [run["id"] for run in await api.runs(bell) if run["id"] not in before]
        return fresh[0] if fresh else ""

    run = await api.ended(await eventually(new, within=30, about="a new run"))
    assert run["status"] == "succeeded"


async def test_a_workflow_without_the_trigger_is_not_started_from_outside(api: Api, outside: AIOKafkaProducer, bell: str) -> None:
    assert bell
    await api.workflow("workflow: by-people-only\ncomponents:\n  Bell: {kind: service, endpoint: bell, path: /private, deliver: once}\n")
    run_id = new_id()
    start = {"command": "start", "workflow": "by-people-only", "run_id": run_id}
    # Whoever may write here may write any header; it does not make a gateway of them.
    pretended = [("ce_source", b"/flowtower/gateway"), ("ce_id", new_id().encode())]
    await outside.send_and_wait("runs.commands.v1", json.dumps(start).encode(), headers=pretended)

    async def refused() -> bool:
        answer = await api.client.get(f"/api/runs/{run_id}/")
        return answer.status_code == 200 and answer.json()["status"] == "refused"

    await eventually(refused, within=30)
    assert "triggers" in (await api.run(run_id))["message"]


async def test_a_plain_sample_is_shown_and_garbage_before_it_is_a_dead_letter(
    api: Api, kafka: KafkaPart, outside: AIOKafkaProducer
) -> None:
    source, marker = f"billing-{new_id()}", new_id().encode()
    await outside.send_and_wait("metrics.samples.v1", b"\xff\xfe" + marker, key=b"k")
    sample = {"source": source, "samples": [{"name": "orders_waiting", "value": 3}]}
    await outside.send_and_wait("metrics.samples.v1", json.dumps(sample).encode(), key=b"k")

    async def shown() -> list[float]:
        return [item["value"] for item in (await api.get("/api/metrics/", source=source))["items"]]

    assert await eventually(shown, within=30, about="the sample") == [3.0]

    async def letters() -> bool:
        found = await dead_letters(kafka, "metrics.samples.v1", marker)
        assert set(found) == {"gateway.metrics", "alerter.samples"}
        return all(headers["dl_reason"] and headers["dl_kind"] == "undecodable" for headers in found.values())

    await eventually(letters, within=30, every=1, about="a dead letter for each group")


async def test_prometheus_scrapes_every_service(tower: Tower, prometheus: PrometheusPart) -> None:
    prometheus.watch({name: f"127.0.0.1:{port}" for name, port in tower.ports.items()})

    async def all_up() -> bool:
        found = await prometheus.targets()
        seen = {name: (entry["health"], entry["lastError"]) for name, entry in found.items()}
        assert seen == dict.fromkeys(tower.ports, ("up", "")), seen
        return True

    await eventually(all_up, within=30)
    up = await prometheus.query("flowtower_build_info")
    assert {each["metric"]["service"] for each in up} == set(tower.ports)


async def test_every_outcome_is_valid_by_the_published_schema(api: Api, kafka: KafkaPart, bell: str, receiver: Receiver) -> None:
    receiver.clear()
    receiver.fail(1)
    good = await api.ended(await api.start(bell))
    assert good["status"] == "succeeded"
    receiver.fail(3)
    bad = await api.ended(await api.start(bell))
    assert bad["status"] == "failed"
    receiver.clear()

    schema = json.loads((SCHEMAS / "runs.outcomes.v1.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    records = await kafka.read("runs.outcomes.v1", at_least=8)
    events = [json.loads(record.value) for record in records]
    for event in events:
        validator.validate(event)
    ours = [event for event in events if event["run_id"] in {good["id"], bad["id"]}]
    assert {"run.started", "attempt.started", "attempt.failed", "component.finished", "run.finished"} <= {event["event"] for event in ours}
    for run_id in (good["id"], bad["id"]):
        numbers = [event["seq"] for event in events if event["run_id"] == run_id]
        assert numbers == list(range(1, len(numbers) + 1)), "in order, without gaps"
    assert not validator.is_valid({**ours[0], "seq": "one"}), "the schema refuses what is wrong"
