# ruff: noqa: ARG002 - a stand-in has the shape of what it stands for
"""The pages over HTTP: who may see them, what forms answer, and errors as pages. The use cases behind are stand-ins."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sample_pages import clusters as cluster_samples
from sample_pages import dags as dag_samples
from sample_pages import overview as overview_samples
from sample_pages.frame import shell

from gateway.application.ports.services import ServiceIsAway
from gateway.domain.problems import FieldProblem, Invalid, Missing
from gateway.entrypoints import problems
from gateway.entrypoints.middleware import Edge
from gateway.entrypoints.web import routes
from gateway.entrypoints.web.fields import config_fields, config_values
from gateway.entrypoints.web.limits import limit_fields, limit_values
from gateway.entrypoints.web.site import NOTICE, Site, own_path, path
from gateway.entrypoints.web.templating import Templates
from gateway.identity.csrf import Csrf
from gateway.identity.guard import Cookies, Identity, unguarded
from gateway.identity.people import SignedIn, WrongCredentials
from gateway.identity.principal import Principal
from shared.contracts.kinds import ENDPOINT_KINDS

BASE = "http://flowtower.test"
ADA = Principal("u1", "ada", "ada@flow.test", "admin", session_id="s1")


class People:
    """Knows one person, by the cookie ``good`` and the password ``right``."""

    async def by_cookie(self, cookie: str) -> Principal | None:
        return ADA if cookie == "good" else None

    async def by_token(self, token: str) -> Principal | None:
        return None

    async def sign_in(self, name: str, password: str, **_: Any) -> SignedIn:
        if password != "right":
            raise WrongCredentials
        return SignedIn("good", ADA)


class Queries:
    """Answers with the samples; a cluster that is not eu-prod is not there."""

    async def shell(self, person: Any) -> Any:
        return shell()

    async def overview(self, person: Any, asked: Any) -> Any:
        return overview_samples.busy()

    async def cluster(self, person: Any, cluster_id: str) -> Any:
        return cluster_samples.detail() if cluster_id == "eu-prod" else None

    async def dags(self, person: Any, asked: Any) -> Any:
        return dag_samples.listed()


class Use:
    """Use cases that note what they are given."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.clusters = self.commands = self.tests = self

    async def create(self, actor: Any, given: Any) -> Any:
        if given.base_url.startswith("ftp"):
            raise Invalid(FieldProblem("base_url", "Only http and https are spoken here.", "Write https://."))
        self.asked.append(given)
        return type("Made", (), {"id": "c1", "name": given.name})

    async def ask(self, actor: Any, cluster_id: str, given: Any, work: Any = None) -> Any:
        if given.dag_id == "gone":
            raise Missing("DAG", "gone")
        self.asked.append((actor.name, actor.via, cluster_id, given.action, given.dag_id))
        return type("Command", (), {"command_id": "k1"})

    async def cluster(self, given: Any, cluster_id: str | None) -> Any:
        raise ServiceIsAway("cluster-poller", "It refused the connection.")


@pytest.fixture
def use() -> Use:
    return Use()


@pytest.fixture
async def client(templates: Templates, use: Use) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(openapi_url=None)
    app.state.application = use
    app.state.identity = Identity(People(), Csrf(b"k" * 32, BASE), Cookies(secure=False), None)  # type: ignore[arg-type]
    app.state.site = Site(templates, Queries())  # type: ignore[arg-type]
    for router in routes.ROUTERS:
        app.include_router(router)
    problems.install(app)
    assert unguarded(app.routes) == []
    app.add_middleware(Edge, hosts={"flowtower.test"}, secure=False)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers={"Origin": BASE, "Accept": "text/html"}) as client:
        yield client


def _signed_in(client: httpx.AsyncClient) -> dict[str, str]:
    client.cookies.set("flowtower", "good")
    return {"csrf_token": Csrf(b"k" * 32, BASE).token("good")}


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/clusters/eu-prod/?tab=x")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in/?next=%2Fclusters%2Feu-prod%2F%3Ftab%3Dx"
    form = await client.get(answer.headers["location"])
    assert 'name="next" value="/clusters/eu-prod/?tab=x"' in form.text
    token = Csrf(b"k" * 32, BASE).token(client.cookies["flowtower-form"])
    given = {"csrf_token": token, "name": "ada", "password": "wrong", "next": "/clusters/eu-prod/?tab=x"}
    assert (await client.post("/sign-in/", data=given)).status_code == 401
    done = await client.post("/sign-in/", data=given | {"password": "right"})
    assert (done.status_code, done.headers["location"]) == (303, "/clusters/eu-prod/?tab=x")
    assert client.cookies["flowtower"] == "good"


async def test_signing_in_leads_nobody_to_another_site(client: httpx.AsyncClient) -> None:
    await client.get("/sign-in/")
    token = Csrf(b"k" * 32, BASE).token(client.cookies["flowtower-form"])
    given = {"csrf_token": token, "name": "ada", "password": "right", "next": "//evil.test/"}
    assert (await client.post("/sign-in/", data=given)).headers["location"] == "/"


async def test_a_form_without_its_token_changes_nothing_and_is_a_page(client: httpx.AsyncClient, use: Use) -> None:
    _signed_in(client)
    answer = await client.post("/dags/eu-prod/orders/pause/", data={"paused": "true"})
    assert answer.status_code == 403
    assert 'data-kind="error"' in answer.text
    assert use.asked == []


async def test_a_form_that_was_taken_redirects_and_says_so_once(client: httpx.AsyncClient, use: Use) -> None:
    form = _signed_in(client)
    answer = await client.post("/dags/c1/orders/pause/", data=form | {"paused": "true"}, headers={"Referer": f"{BASE}/dags/"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dags/")
    assert use.asked == [("ada", "ui", "c1", "pause", "orders")]
    page = await client.get("/dags/")
    assert "Asked to pause orders." in page.text
    assert NOTICE not in client.cookies
    assert "Asked to pause orders." not in (await client.get("/dags/")).text


async def test_a_script_that_stays_is_told_in_words(client: httpx.AsyncClient) -> None:
    form = _signed_in(client)
    headers = {"HX-Request": "true", "HX-Current-URL": f"{BASE}/dags/"}
    answer = await client.post("/dags/c1/orders/pause/", data=form | {"paused": "false"}, headers=headers)
    assert answer.status_code == 204
    assert "resume orders" in json.loads(answer.headers["hx-trigger"])["flowtower:said"]["text"]
    gone = await client.post("/dags/c1/gone/pause/", data=form | {"paused": "false"}, headers=headers)
    assert json.loads(gone.headers["hx-trigger"])["flowtower:said"]["tone"] == "bad"


async def test_a_form_that_cannot_be_taken_is_shown_as_typed_but_for_the_secret(client: httpx.AsyncClient, use: Use) -> None:
    form = _signed_in(client) | {"name": "eu", "base_url": "ftp://x", "username": "me", "secret": "hush-hush", "poll_seconds": "7"}
    answer = await client.post("/clusters/add/", data=form)
    assert answer.status_code == 422
    assert "Only http and https are spoken here." in answer.text
    assert 'value="ftp://x"' in answer.text
    assert "hush-hush" not in answer.text
    assert use.asked == []
    done = await client.post("/clusters/add/", data=form | {"base_url": "https://x", "tags": "a, b"})
    assert (done.status_code, done.headers["location"]) == (303, "/clusters/c1/")
    assert use.asked[0].tags == ("a", "b")
    assert use.asked[0].verify_tls is False
    assert use.asked[0].secret.get_secret_value() == "hush-hush"


async def test_a_test_while_the_poller_is_away_says_so_beside_the_form(client: httpx.AsyncClient) -> None:
    form = _signed_in(client) | {"name": "eu", "base_url": "https://x", "username": "me"}
    headers = {"HX-Request": "true", "HX-Current-URL": f"{BASE}/clusters/add/"}
    answer = await client.post("/clusters/test/", data=form, headers=headers)
    assert answer.headers["hx-retarget"] == "#test-result"
    assert "The cluster-poller is away." in answer.text
    assert "<html" not in answer.text


async def test_one_block_of_a_page_can_be_fetched(client: httpx.AsyncClient) -> None:
    _signed_in(client)
    answer = await client.get("/", params={"part": "needs_you"})
    assert 'id="needs-you"' in answer.text
    assert "<html" not in answer.text
    assert (await client.get("/", params={"part": "services"})).text.strip().startswith("<details")
    assert (await client.get("/", params={"part": "nothing"})).status_code == 404


async def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(client: httpx.AsyncClient) -> None:
    _signed_in(client)
    for address in ("/clusters/nope/", "/nowhere/"):
        answer = await client.get(address)
        assert answer.status_code == 404
        assert 'data-kind="error"' in answer.text
    program = await client.get("/nowhere/", headers={"Accept": "application/json"})
    assert (program.status_code, program.headers["content-type"]) == (404, "application/problem+json")


async def test_an_address_without_its_last_slash_finds_its_page(client: httpx.AsyncClient) -> None:
    _signed_in(client)
    answer = await client.get("/clusters/eu-prod?tab=x")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{BASE}/clusters/eu-prod/?tab=x")


async def test_the_addresses_under_monitoring_lead_to_their_pages(client: httpx.AsyncClient) -> None:
    _signed_in(client)
    for name, target in (("dashboard", "/"), ("health", "/clusters/"), ("logs", "/dags/?state=failed"), ("alerts", "/alerts/")):
        assert (await client.get(f"/monitoring/{name}/")).headers["location"] == target
    assert (await client.get("/monitoring/other/")).status_code == 404


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("/runs/?a=1", "/runs/?a=1"),
        (f"{BASE}/runs/1/", "/runs/1/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("https://evil.test//x.test/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("", "/"),
    ],
)
def test_an_address_of_ours_stays_ours(given: str, ours: str) -> None:
    assert own_path(given) == ours


def test_addresses_encode_every_part_as_a_whole() -> None:
    assert path("dags", "c 1", "a/b", "runs", "x+00:00") == "/dags/c%201/a%2Fb/runs/x%2B00%3A00/"


REAL = {
    "kafka": {"options.bootstrap_servers": "k.test:9092"},
    "mq": {"options.host": "mq.test", "options.virtual_host": "/"},
    "database": {"options.host": "db.test", "options.database": "orders"},
    "service": {"options.base_url": "https://s.test", "options.headers": "X-One: 1\nX-Two: a: b", "options.secret_header": "X-Key"},
    "api": {"options.base_url": "https://a.test", "options.headers": "", "options.secret_header": "X-Key"},
}


@pytest.mark.parametrize("kind", ENDPOINT_KINDS.values(), ids=lambda kind: kind.name)
def test_the_form_of_every_kind_has_every_field_and_reads_back(kind: Any) -> None:
    fields = config_fields("options", kind.endpoint, {}) + config_fields(
        "secrets", kind.secrets, {}, kept=frozenset(kind.secrets.model_fields)
    )
    assert {item.name for item in fields} == {f"options.{name}" for name in kind.endpoint.model_fields} | {
        f"secrets.{name}" for name in kind.secrets.model_fields
    }
    assert all(item.secret and item.kept and item.value == "" for item in fields if item.name.startswith("secrets."))
    form = {item.name: item.value or ("9" if item.input == "number" else "x.test:9") for item in fields if item.input != "select"}
    form |= {item.name: item.options[0].value for item in fields if item.input == "select"}
    values = config_values("options", kind.endpoint, form)
    assert kind.endpoint.model_validate(config_values("options", kind.endpoint, form | REAL[kind.name]))
    assert all(isinstance(values[item.name[8:]], int | float) for item in fields if item.input == "number" and not item.secret)


def test_limits_are_fields_of_the_form_and_empty_ones_do_not_limit() -> None:
    given = {"concurrency": 4, "retry_budget": 60, "breaker": {"failures": 3, "open_for": 12.5}}
    fields = limit_fields(given)
    assert limit_values({item.name: item.value for item in fields}) == given
    assert all(item.value == "" for item in limit_fields({}))
    assert limit_values({item.name: "" for item in fields}) == {}
    assert limit_values({"limits.breaker.failures": "many"}) == {"breaker": {"failures": "many"}}, "it is refused by name, not dropped"


@pytest.mark.parametrize("kind", ENDPOINT_KINDS.values(), ids=lambda kind: kind.name)
async def test_the_page_of_every_kinds_form_is_drawn(client: httpx.AsyncClient, kind: Any) -> None:
    _signed_in(client)
    answer = await client.get("/endpoints/add/", params={"kind": kind.name})
    assert answer.status_code == 200
    names = set(re.findall(r'name="((?:options|secrets)\.[a-z_]+)"', answer.text))
    fields = {f"options.{name}" for name in kind.endpoint.model_fields} | {f"secrets.{name}" for name in kind.secrets.model_fields}
    assert names == fields
    assert 'value="airflow"' not in answer.text
