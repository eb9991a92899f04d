# ruff: noqa: ARG002 - a stand-in has the shape of what it stands for
"""Starting a run and looking at versions over HTTP: the forms, what they answer, and files to keep."""

import html
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sample_pages import workflow as workflow_samples
from sample_pages.frame import NOW, shell
from test_routes import BASE, People

from gateway.adapters.yaml import ThreadedYaml
from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.queries.versions import Versions
from gateway.domain.inputs import check_inputs
from gateway.domain.problems import Invalid, InvalidDocument, Problem, Stale
from gateway.domain.workflow_yaml import read
from gateway.entrypoints import problems
from gateway.entrypoints.middleware import Edge
from gateway.entrypoints.web import routes
from gateway.entrypoints.web.site import Site
from gateway.entrypoints.web.templating import Templates
from gateway.identity.csrf import Csrf
from gateway.identity.guard import Cookies, Identity

PLAIN = "workflow: orders\ncomponents:\n  Q: {kind: mq, endpoint: m, queue: a}  # <b>\n"
ASKING = "workflow: orders\ninputs:\n  day: {type: string, format: date}\n  limit: {type: integer, default: 5}\n" + PLAIN.partition("\n")[2]


class Reads:
    """Two versions of one workflow: the first takes whatever comes, the second declares inputs."""

    def __init__(self) -> None:
        self.workflow_record = WorkflowRecord("w1", "orders", "", 2, False, NOW, NOW, "ada")
        self.records = {}
        for number, text in ((1, PLAIN), (2, ASKING)):
            definition = read(text).definition
            assert definition is not None
            self.records[number] = VersionRecord("w1", number, text, definition.model_dump(mode="json"), NOW, "ada", f"note {number}")

    async def workflow(self, workflow_id: str) -> Any:
        return self.workflow_record if workflow_id == "w1" else None

    async def version(self, workflow_id: str, version: int) -> Any:
        return self.records.get(version)

    async def definitions(self, kind: Any) -> Any:
        return []

    async def versions_before(self, workflow_id: str, before: int | None, *, limit: int) -> Any:
        return [self.records[number] for number in (2, 1) if before is None or number < before][:limit]


class Use:
    """Use cases that note what they are given; a start is checked as the real one checks it."""

    def __init__(self) -> None:
        self.reads = Reads()
        self.versions = Versions(self.reads, ThreadedYaml(1))  # type: ignore[arg-type]
        self.runs = self.workflows = self
        self.asked: list[Any] = []

    async def start(self, actor: Any, given: Any, work: Any = None) -> str:
        found = check_inputs(self.reads.records[2 if given.version == "latest" else given.version].definition["inputs"], given.inputs)
        if found:
            raise Invalid(*found)
        self.asked.append((actor.name, given.version, given.inputs))
        return "r1"

    async def check(self, text: str) -> Any:
        return read(text)

    async def publish(self, actor: Any, text: str, *, workflow_id: str | None, if_match: str | None, note: str) -> Any:
        if if_match != '"2"':
            raise Stale("workflow", expected=str(if_match), current=2)
        self.asked.append(("publish", text, if_match))
        return self.reads.workflow_record, self.reads.records[2]

    async def again(self, actor: Any, workflow_id: str, version: int, *, if_match: str | None) -> Any:
        if version == 2:
            raise InvalidDocument((Problem(3, 9, "components.Q.endpoint", "There is no endpoint 'm'.", "Create it."),))
        self.asked.append(("again", version, if_match))
        return self.reads.workflow_record, self.reads.records[version].__class__(**{**vars(self.reads.records[version]), "version": 3})


class Queries:
    async def shell(self, person: Any) -> Any:
        return shell()

    async def workflow(self, person: Any, workflow_id: str, asked: Any) -> Any:
        return workflow_samples.workflow() if workflow_id == "w1" else None


@pytest.fixture
def use() -> Use:
    return Use()


@pytest.fixture
async def client(templates: Templates, use: Use) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in, with the form token of their session."""
    app = FastAPI(openapi_url=None)
    app.state.application = use
    app.state.identity = Identity(People(), Csrf(b"k" * 32, BASE), Cookies(secure=False), None)  # type: ignore[arg-type]
    app.state.site = Site(templates, Queries())  # type: ignore[arg-type]
    for router in routes.ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.add_middleware(Edge, hosts={"flowtower.test"}, secure=False)
    headers = {"Origin": BASE, "Accept": "text/html", "X-CSRF-Token": Csrf(b"k" * 32, BASE).token("good")}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE, headers=headers) as client:
        client.cookies.set("flowtower", "good")
        yield client


async def test_the_form_of_a_version_has_its_inputs(client: httpx.AsyncClient) -> None:
    newest = (await client.get("/workflows/w1/start/")).text
    assert 'name="inputs.day"' in newest
    assert 'name="inputs.limit" aria-describedby="inputs.limit-help" value="5"' in newest
    assert "1 input is needed." in newest
    older = (await client.get("/workflows/w1/start/?version=1&part=start_form")).text
    assert 'name="inputs"' in older
    assert "<html" not in older
    assert (await client.get("/workflows/w1/start/?version=3")).status_code == 404
    assert (await client.get("/workflows/w2/start/")).status_code == 404


async def test_a_form_that_is_not_taken_comes_back_as_typed_with_each_problem_at_its_field(client: httpx.AsyncClient, use: Use) -> None:
    typed = {"version": "2", "inputs.day": "", "inputs.limit": "x5"}
    page = await client.post("/workflows/w1/start/", data=typed)
    assert page.status_code == 422
    assert 'value="x5"' in page.text
    assert "This is not a whole number." in page.text
    typed["inputs.limit"] = "7"
    dialog = await client.post("/workflows/w1/start/", data=typed, headers={"HX-Request": "true", "HX-Target": "start-form"})
    assert dialog.status_code == 422
    assert dialog.text.startswith("{#") is False
    assert 'id="inputs.day-wrong"' in dialog.text
    assert "<html" not in dialog.text
    listed = await client.post("/workflows/w1/start/", headers={"HX-Request": "true"})
    assert listed.status_code == 204
    assert "This is needed." in json.loads(listed.headers["hx-trigger"])["flowtower:said"]["text"]
    assert use.asked == []


async def test_a_run_is_asked_for_with_the_version_and_the_values_that_were_meant(client: httpx.AsyncClient, use: Use) -> None:
    done = await client.post("/workflows/w1/start/", data={"version": "2", "inputs.day": "2026-11-22", "inputs.limit": ""})
    assert (done.status_code, done.headers["location"]) == (303, "/runs/r1/")
    free = await client.post("/workflows/w1/start/", data={"version": "1", "inputs": '{"x": [1]}'}, headers={"HX-Request": "true"})
    assert free.headers["hx-redirect"] == "/runs/r1/"
    assert (await client.post("/workflows/w1/start/", data={"version": "1", "inputs": "[1]"})).status_code == 422
    assert use.asked == [("ada", 2, {"day": "2026-11-22"}), ("ada", 1, {"x": [1]})]


async def test_two_versions_side_by_side(client: httpx.AsyncClient) -> None:
    chosen = await client.get("/workflows/w1/versions/compare/?before=1&after=2")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/workflows/w1/versions/1/compare/2/")
    page = (await client.get(chosen.headers["location"])).text
    assert "The input day is new: a date, e.g. 2026-11-22, needed." in page
    assert "&lt;b&gt;" in page
    assert "<b>\n" not in page
    assert '<span class="visually-hidden">added </span>' in page
    assert "Publish version 1 again" in page
    assert (await client.get("/workflows/w1/versions/1/compare/9/")).status_code == 404
    listed = (await client.get("/workflows/w1/versions/")).text
    assert "note 1" in listed
    assert "The input limit is new" in listed


async def test_files_to_keep(client: httpx.AsyncClient) -> None:
    yaml = await client.get("/workflows/w1/versions/1/workflow.yaml")
    assert (yaml.text, yaml.headers["content-disposition"]) == (PLAIN, 'attachment; filename="orders-v1.yaml"')
    lines = (await client.get("/workflows/w1/versions.jsonl")).text.splitlines()
    assert [json.loads(line)["yaml"] for line in lines] == [ASKING, PLAIN]


async def test_an_older_version_is_published_again_or_it_is_said_why_not(client: httpx.AsyncClient, use: Use) -> None:
    done = await client.post("/workflows/w1/versions/1/publish/", data={"etag": '"2"'})
    assert (done.status_code, done.headers["location"]) == (303, "/workflows/w1/")
    assert use.asked == [("again", 1, '"2"')]
    refused = await client.post("/workflows/w1/versions/2/publish/", headers={"HX-Request": "true"})
    said = json.loads(refused.headers["hx-trigger"])["flowtower:said"]
    assert said["tone"] == "bad"
    assert "Line 3: There is no endpoint 'm'." in said["text"]


MINE = PLAIN.replace("queue: a", "queue: mine")


async def test_after_a_conflict_both_texts_are_shown_and_mine_can_be_taken_on(client: httpx.AsyncClient, use: Use) -> None:
    typed = {"yaml": MINE, "etag": '"1"', "note": "why"}
    late = await client.post("/workflows/w1/edit/", data=typed)
    assert late.status_code == 412
    assert "queue: mine" in late.text.split("<textarea")[1]
    assert "version 2 is by ada" in late.text
    assert "queue: mine" in late.text.split('data-kind="diff"')[1].split("</section>")[0]
    assert 'name="take_mine" value="&#34;2&#34;"' in late.text
    assert 'href="/workflows/w1/edit/" target="_blank"' in late.text
    assert (await client.post("/workflows/w1/edit/", data=typed)).status_code == 412, "it is not taken by asking twice"
    taken = await client.post("/workflows/w1/edit/", data=typed | {"take_mine": '"2"'})
    assert taken.status_code == 303
    assert use.asked == [("publish", MINE, '"2"')]


async def test_what_was_typed_outlives_the_sign_in(client: httpx.AsyncClient, use: Use) -> None:
    client.cookies.set("flowtower", "expired")
    client.headers["X-CSRF-Token"] = Csrf(b"k" * 32, BASE).token("expired")
    gate = await client.post("/workflows/w1/edit/", data={"yaml": MINE, "etag": '"2"', "secrets.password": "typed-secret"})
    assert gate.status_code == 401
    assert "nothing is lost" in gate.text
    assert "typed-secret" not in gate.text
    kept = html.unescape(gate.text.split('name="kept" value="')[1].split('">')[0])
    wrong = await client.post("/sign-in/", data={"name": "ada", "password": "no", "kept": kept})
    assert (wrong.status_code, html.escape(kept) in wrong.text.replace("&#34;", "&quot;")) == (401, True)
    again = await client.post("/sign-in/", data={"name": "ada", "password": "right", "kept": kept})
    assert again.status_code == 200
    assert "Passwords and tokens were not kept" in again.text
    client.headers["X-CSRF-Token"] = again.text.split('name="csrf_token" value="')[1].split('"')[0]
    fields = {
        name: html.unescape(text[1:])
        for name, text in re.findall(r'<textarea name="([^"]+)" hidden>(.*?)</textarea>', again.text, re.DOTALL)
    }
    assert 'action="/workflows/w1/edit/"' in again.text
    assert (await client.post("/workflows/w1/edit/", data=fields)).status_code == 303
    assert use.asked == [("publish", MINE, '"2"')]


async def test_words_of_another_site_are_not_kept(client: httpx.AsyncClient) -> None:
    client.cookies.clear()
    for headers in ({"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
        gate = await client.post("/workflows/w1/edit/", data={"yaml": MINE}, headers=headers)
        assert (gate.status_code, gate.headers["location"]) == (303, "/sign-in/")
    script = await client.post("/workflows/w1/edit/", data={"yaml": MINE}, headers={"HX-Request": "true"})
    assert script.status_code == 401
    assert script.text == ""
