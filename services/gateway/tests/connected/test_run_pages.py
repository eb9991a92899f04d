"""The pages of a run and of a bulk retry, over a real gateway that serves them."""

import html
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from run_stories import failed, published, shown

from shared.contracts.runs import AttemptHeld, CommandRefused, RunReopened
from shared.contracts.topics import RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.wait import eventually

# As the first user of this folder's conftest.
NAME, PASSWORD = "ada", "correct horse battery staple"


@pytest.fixture
async def browser(page_url: str, first_user: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the pages."""
    async with httpx.AsyncClient(base_url=page_url, trust_env=False, timeout=30) as client:
        signed = await client.post("/api/account/sign-in/", json={"name": NAME, "password": PASSWORD})
        client.headers.update({"X-CSRF-Token": signed.json()["csrf_token"], "Accept": "text/html", "Origin": page_url})
        yield client


async def test_pages_show_the_refusal_the_waits_and_the_menu(gateway, browser: httpx.AsyncClient, api, broken: dict[str, Any]) -> None:
    run_id = broken["id"]
    of = {"run_id": run_id, "workflow_id": broken["workflow_id"], "at": now()}
    no = CommandRefused(**of, seq=8, command="retry", reason="Somebody was quicker.", requested_by="ada")
    await gateway.publish(RUNS_OUTCOMES, (run_id, no))
    await shown(api, run_id, 8)
    page = (await browser.get(f"/runs/{run_id}/")).text
    assert "Somebody was quicker." in page
    assert "No strategy is declared." in page
    menu = (await browser.get(f"/runs/{run_id}/retry/", params={"component": "A", "scope": "following"})).text
    assert "Succeeded before: what it did is done a second time." in menu
    form = {"menu": "1", "component": "B", "scope": "only", "inputs": "{day", "csrf_token": browser.headers["X-CSRF-Token"]}
    wrong = await browser.post(f"/runs/{run_id}/retry/", data=form)
    assert (wrong.status_code, "This is not a JSON object." in wrong.text, "{day" in wrong.text) == (422, True, True)
    nul = await browser.post(f"/runs/{run_id}/retry/", data=form | {"inputs": '{"day": "\\u0000"}'})
    assert (nul.status_code, "NUL" in nul.text) == (422, True)
    taken = await browser.post(f"/runs/{run_id}/retry/", data=form | {"inputs": "", "expected_seq": "8"})
    assert (taken.status_code, taken.headers["location"]) == (303, f"/runs/{run_id}/")
    reopened = RunReopened(**of, seq=9, again={"B": 2}, stays=("A",), requested_by="ada")
    held = AttemptHeld(**of, seq=11, component="B", generation=2, limit="breaker", reason="The breaker of “mq” is open.")
    started = build.attempt_started(**of, seq=10, component="B", generation=2)
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in (reopened, started, held)])
    run = await shown(api, run_id, 11)
    assert run["components"][1]["held"]["limit"] == "breaker"
    page = (await browser.get(f"/runs/{run_id}/")).text
    assert "Somebody was quicker." not in page.split('id="audit"')[0].split('id="waits"')[0]
    assert "The breaker of “mq” is open." in page
    beside = await browser.get("/runs/compare/", params={"a": run_id, "b": run_id})
    assert "Nothing differs but their times" in beside.text
    end = build.run_finished(**of, seq=12, status="failed")
    gone = CommandRefused(**of, seq=1, command="retry", reason="There is no such run.").model_copy(
        update={"at": now() + timedelta(days=31)}
    )
    await gateway.publish(RUNS_OUTCOMES, (run_id, end), (run_id, gone))

    async def heard() -> bool:
        return ((await api.get(f"/api/runs/{run_id}/")).json()["refusal"] or {}).get("gone") is True

    await eventually(heard, within=20)
    page = (await browser.get(f"/runs/{run_id}/")).text
    assert "There is no such run." in page
    assert 'data-refused="The executor keeps this run no longer' in page
    again = await api.post(f"/api/runs/{run_id}/retry/")
    assert (again.status_code, "keeps this run no longer" in again.json()["detail"]) == (409, True)
    assert (await browser.get("/runs/", params={"q": broken["business_key"], "state": "running,nonsense"})).status_code == 200


async def test_a_run_whose_inputs_are_too_long_to_edit_is_retried_as_it_is(gateway, browser: httpx.AsyncClient, api) -> None:
    name, workflow_id = await published(api)
    run_id, inputs = new_id(), {"order": {"text": "x" * 70_000}}
    started, *rest = failed(run_id, name, workflow_id, key="k")
    large = started.model_copy(update={"inputs": inputs, "version": 1})
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in (large, *rest)])
    await shown(api, run_id, 7)
    menu = (await browser.get(f"/runs/{run_id}/retry/")).text
    assert "more than 64 KB can’t be edited here" in menu
    assert 'name="inputs"' not in menu
    url = f"/api/runs/{run_id}/retry/"
    edited = await api.post(url, json={"components": ["B"], "inputs": {"order": {"text": "y" * 1_000_000}}})
    assert (edited.status_code, edited.json()["errors"][0]["field"]) == (422, "inputs")
    assert (await api.post(url, json={"components": ["B"], "inputs": inputs})).status_code == 202
    text = (await api.get(f"/api/workflows/{workflow_id}/versions/1/workflow.yaml")).text.replace("queue: a", "queue: b")
    etag = (await api.get(f"/api/workflows/{workflow_id}/")).headers["etag"]
    await api.put(f"/api/workflows/{workflow_id}/", json={"yaml": text}, headers={"If-Match": etag})
    many = await browser.get("/runs/bulk/add/", params={"workflow": name, "version": "2"})
    assert (many.status_code, "1 run of version 1" in many.text, "versions/1/compare/2/" in many.text) == (200, True, True)
    wrong = await browser.get("/runs/bulk/add/", params={"workflow": name, "version": "9"})
    assert (wrong.status_code, f"&#39;{name}&#39; has no version 9." in wrong.text) == (200, True)


async def test_the_whole_log_of_a_run_can_be_searched_and_kept(gateway, browser: httpx.AsyncClient, api, broken: dict[str, Any]) -> None:
    run_id, last = broken["id"], 1300
    await gateway.rows(
        """
        INSERT INTO run_events (run_id, seq, event, at, body)
        SELECT $1, n, 'attempt.progressed', now(),
            jsonb_build_object('component', 'B', 'message', CASE WHEN n % 2 = 0 THEN 'even ' ELSE 'odd ' END || 'step-' || n)
        FROM generate_series(8, $2) AS n
        """,
        run_id,
        last,
    )
    await gateway.rows("UPDATE runs SET seq = $2 WHERE run_id = $1", run_id, last)
    page = (await browser.get(f"/runs/{run_id}/")).text
    assert "The newest 500 of 1,300 events" in page
    assert "step-9<" not in page
    found = (await browser.get(f"/runs/{run_id}/", params={"q": "step-9", "component": "A"})).text
    assert "odd step-9<" in found
    assert "step-10<" not in found
    first = (await browser.get(f"/runs/{run_id}/", params={"q": "even"})).text
    assert ("even step-8<" in first, "even step-1300<" in first) == (True, False)
    further = re.search(r'href="([^"]*after=[^"]*)"', first)
    assert further is not None
    assert "even step-1300<" in (await browser.get(html.unescape(further[1]))).text
    file = await api.get(f"/api/runs/{run_id}/events.jsonl")
    assert f'href="/api/runs/{run_id}/events.jsonl"' in page
    assert "attachment" in file.headers["content-disposition"]
    assert [json.loads(line)["seq"] for line in file.text.splitlines()] == list(range(1, last + 1))
    assert (await api.get(f"/api/runs/{new_id()}/events.jsonl")).status_code == 404


async def test_an_endpoint_tells_who_used_it_last_and_what_waits_at_its_breaker(gateway, browser: httpx.AsyncClient, api) -> None:
    name, workflow_id = await published(api)
    endpoints = (await api.get("/api/endpoints/")).json()["items"]
    queue, service = (next(item for item in endpoints if item["used_by"] == [name] and item["kind"] == kind) for kind in ("mq", "service"))
    assert "None of the newest runs" in (await browser.get(f"/endpoints/{service['id']}/")).text
    run_id, events = new_id(), failed(new_id(), name, workflow_id, key="k")[:4]
    reason = "The breaker is open."
    held = AttemptHeld(run_id=run_id, workflow_id=workflow_id, at=now(), seq=5, component="B", limit="breaker", reason=reason, until=now())
    await gateway.publish(RUNS_OUTCOMES, *[(run_id, event.model_copy(update={"run_id": run_id})) for event in (*events, held)])
    await shown(api, run_id, 5)
    # Many newer runs of another workflow change nothing about it.
    await gateway.rows(
        """
        INSERT INTO runs SELECT (jsonb_populate_record(runs, jsonb_build_object(
            'run_id', 'other-' || n || run_id, 'workflow_id', 'other', 'status', 'succeeded', 'asked_at', now()))).*
        FROM runs, generate_series(1, 120) AS n WHERE run_id = $1
        """,
        run_id,
    )
    page = (await browser.get(f"/endpoints/{service['id']}/")).text
    assert "Breaker open" in page
    assert "1 attempt waits for its breaker" in page
    assert (await api.get(f"/api/endpoints/{service['id']}/")).json()["held"][0]["attempts"] == 1
    page = (await browser.get(f"/endpoints/{queue['id']}/")).text
    assert ("It worked when a run last used it." in page, "Held." in page) == (True, False)
    assert "Breaker open" in (await browser.get("/endpoints/")).text
