"""Requests that are repeated with their Idempotency-Key: the first answer comes again, and nothing happens twice."""

import asyncio
from collections import Counter

import httpx
from run_stories import YAML, failed, published, shown

from shared.contracts.topics import ALERTS_EVENTS, RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.wait import eventually


async def actions(api: httpx.AsyncClient, subject: str) -> Counter[str]:
    found = (await api.get("/api/audit/", params={"subject": subject})).json()["items"]
    return Counter(item["action"] for item in found)


async def test_a_bulk_retry_is_paused_resumed_and_cancelled_once(gateway, api: httpx.AsyncClient) -> None:
    name, workflow_id = await published(api)
    ids = [new_id() for _ in range(3)]
    for run_id in ids:
        await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in failed(run_id, name, workflow_id, key="k")])
    await asyncio.gather(*(shown(api, run_id, 7) for run_id in ids))
    # So slow that only its first run is asked while this test lasts.
    made = await api.post("/api/runs/bulk/", json={"selection": {"workflow": name}, "per_second": 0.1})
    bulk_id = made.json()["bulk_id"]
    url = f"/api/runs/bulk/{bulk_id}/"

    async def first_is_asked() -> bool:
        return (await api.get(url)).json()["counts"] == {"asked": 1, "waiting": 2}

    await eventually(first_is_asked, within=20)
    for change, action, status, left in (
        ("pause", "bulk.paused", "paused", {"asked": 1, "waiting": 2}),
        ("resume", "bulk.running", "running", {"asked": 1, "waiting": 2}),
        ("pause", "bulk.paused", "paused", {"asked": 1, "waiting": 2}),
        ("cancel", "bulk.cancelled", "cancelled", {"asked": 1, "left": 2}),
    ):
        before, key, body = await actions(api, bulk_id), {"Idempotency-Key": new_id()}, {"reason": "the queue is repaired"}
        answers = await asyncio.gather(*(api.post(f"{url}{change}/", json=body, headers=key) for _ in range(10)))
        assert {answer.status_code for answer in answers} == {200}, change
        assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1, change
        stands = (await api.get(url)).json()
        assert (stands["status"], stands["counts"]) == (status, left)
        assert [answer.json() for answer in answers] == [stands] * 10, "each answer tells the job as it stands after the change"
        assert await actions(api, bulk_id) - before == {action: 1}, change
        other = await api.post(f"{url}{change}/", json={"reason": "another"}, headers=key)
        assert (other.status_code, "another body" in other.json()["detail"]) == (422, True)
        without = await api.post(f"{url}{change}/", json=body)
        assert without.status_code == 409, "without the key it is a new request"


async def test_a_workflow_is_published_once(api: httpx.AsyncClient) -> None:
    endpoint, service, name, key = f"mq-{new_id()}", f"service-{new_id()}", f"flow-{new_id()}", {"Idempotency-Key": new_id()}
    await api.post("/api/endpoints/", json={"name": endpoint, "kind": "mq", "options": {"host": "mq.example.com"}})
    await api.post("/api/endpoints/", json={"name": service, "kind": "service", "options": {"base_url": "https://s.example.com"}})
    body = {"yaml": YAML.format(name=name, endpoint=endpoint, service=service), "note": "first"}
    answers = await asyncio.gather(*(api.post("/api/workflows/", json=body, headers=key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    workflow_id = answers[0].json()["id"]
    there = (await api.get(f"/api/workflows/{workflow_id}/")).json()
    assert [answer.json() for answer in answers] == [there] * 10
    assert {(answer.headers["etag"], answer.headers["location"]) for answer in answers} == {('"1"', f"/api/workflows/{workflow_id}/")}
    assert await actions(api, workflow_id) == {"workflow.published": 1}
    without = await api.post("/api/workflows/", json=body)
    assert (without.status_code, "already" in without.json()["detail"]) == (422, True)


async def test_the_alerter_is_asked_once(gateway, api: httpx.AsyncClient) -> None:
    alert, at = new_id(), now()
    await gateway.publish(ALERTS_EVENTS, (alert, build.alert_changed(alert_id=alert, state="firing", at=at, since=at)))

    async def there() -> bool:
        return (await api.get(f"/api/alerts/{alert}/")).status_code == 200

    await eventually(there, within=20)
    channel = {"name": f"ops-{new_id()}", "kind": "slack", "options": {"channel": "C0123456789"}, "secrets": {"token": "xoxb-1-2"}}
    made = await api.post("/api/alerts/channels/", json=channel)
    assert made.status_code == 201, made.text
    channel_id = made.json()["id"]
    for url, subject, action in (
        (f"/api/alerts/{alert}/acknowledge/", alert, "alert.acknowledge"),
        (f"/api/alerts/channels/{channel_id}/test/", channel_id, "channel.test"),
    ):
        key = {"Idempotency-Key": new_id()}
        answers = [await api.post(url, headers=key) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202] * 3
        assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true", "true"]
        assert [answer.json() for answer in answers] == [answers[0].json()] * 3
        assert (await actions(api, subject))[action] == 1
        sent = await gateway.rows("SELECT count(*) FROM outbox WHERE topic = 'alerts.commands.v1' AND key = $1", subject.encode())
        assert sent[0][0] == 1
        assert (await api.post(url)).status_code == 202
        assert (await actions(api, subject))[action] == 2, "without the key it is a new request"
