"""Workflows as JSON over the API: nothing of them gets lost unseen, and what is wrong is said by its path in the JSON."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.adapters import yaml
from gateway.adapters.yaml import ThreadedYaml
from gateway.application.commands.workflows import PublishWorkflows
from gateway.domain.workflow_yaml import write
from gateway.entrypoints import problems
from gateway.entrypoints.api.workflows import workflows
from gateway.entrypoints.middleware import Edge
from gateway.identity.csrf import Csrf
from gateway.identity.guard import Cookies, Identity
from gateway.identity.principal import Principal

BASE = "http://flowtower.test"


class People:
    async def by_cookie(self, cookie: str) -> Principal | None:
        return Principal("u1", "ada", "", "admin", session_id="s1") if cookie == "good" else None


class Works:
    """Transactions that know two endpoints."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        yield self

    async def endpoint_kinds(self) -> dict[str, str]:
        return {"prod-kafka": "kafka", "orders-mq": "mq"}

    async def cluster_names(self) -> list[str]:
        return ["prod"]


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    app, threads = FastAPI(openapi_url=None), ThreadedYaml(1)
    app.state.application = type("Use", (), {"workflows": PublishWorkflows(Works(), threads)})  # type: ignore[arg-type]
    app.state.identity = Identity(People(), Csrf(b"k" * 32, BASE), Cookies(secure=False), None)  # type: ignore[arg-type]
    app.include_router(workflows)
    problems.install(app)

    app.add_middleware(Edge, hosts={"flowtower.test"}, secure=False)
    headers = {"Origin": BASE, "X-CSRF-Token": Csrf(b"k" * 32, BASE).token("good")}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers, cookies={"flowtower": "good"}) as client:
        yield client
    await threads.stop()


def a_definition(**changes: Any) -> dict[str, Any]:
    usual = {
        "workflow": "orders",
        "components": [
            {"name": "Topic", "kind": "kafka", "endpoint": "prod-kafka", "options": {"topic": "orders"}},
            {"name": "Queue", "kind": "mq", "endpoint": "orders-mq", "options": {"queue": "orders"}},
        ],
        "connections": [{"source": "Topic", "target": "Queue", "kind": "kafka-to-mq"}],
    }
    return {**usual, **changes}


async def checked(api: httpx.AsyncClient, definition: dict[str, Any]) -> httpx.Response:
    return await api.post("/api/workflows/validate/", json={"definition": definition})


async def test_a_definition_is_taken(api: httpx.AsyncClient) -> None:
    answer = await checked(api, a_definition())
    assert answer.status_code == 200, answer.text
    assert answer.json()["problems"] == []
    assert answer.json()["valid"]


def component(**more: Any) -> dict[str, Any]:
    return {"components": [{**a_definition()["components"][0], **more}], "connections": []}


UNKNOWN = [
    ("a misspelt key", {"conections": []}, "conections", "'connections'"),
    ("of a component", component(retyr={"strategy": "fixed", "every": 1}), "components.0.retyr", "'retry'"),
    ("of a retry", component(retry={"strategy": "fixed", "every": 1, "atempts": 4}), "components.0.retry.atempts", "'attempts'"),
    ("of errors", component(errors={"prak": ["X"]}), "components.0.errors.prak", "'park'"),
    ("the YAML's name of a limit", component(attempt_timeout=30), "components.0.attempt_timeout", "'timeout'"),
    ("an option beside options", component(topic="orders"), "components.0.topic", "write it in 'options'"),
    (
        "the YAML's name of an end",
        {"connections": [{"from": "Topic", "target": "Queue", "kind": "then"}]},
        "connections.0.from",
        "'source'",
    ),
    (
        "of a trigger",
        {"triggers": [{"kind": "event"}, {"kind": "schedule", "name": "n", "cron": "0 6 * * *", "timezone": "UTC"}]},
        "triggers.1.timezone",
        "'time_zone'",
    ),
]


@pytest.mark.parametrize(("change", "path", "hint"), [case[1:] for case in UNKNOWN], ids=[case[0] for case in UNKNOWN])
async def test_a_key_that_a_definition_does_not_have_is_refused_with_the_nearest(
    api: httpx.AsyncClient, change: dict[str, Any], path: str, hint: str
) -> None:
    answer = await checked(api, a_definition(**change))
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["field"] == f"definition.{path}"
    assert "is not known here" in error["message"]
    assert hint in error["hint"]


async def test_what_the_yaml_has_one_place_for_is_not_given_twice(api: httpx.AsyncClient) -> None:
    first = a_definition()["components"][0]
    twice = await checked(api, a_definition(components=[first, {**first, "options": {"topic": "others"}}], connections=[]))
    assert [item["field"] for item in twice.json()["errors"]] == ["definition.components.1.name"]
    hidden = await checked(api, a_definition(**component(options={"topic": "orders", "deadline": "1h"})))
    assert [item["field"] for item in hidden.json()["errors"]] == ["definition.components.0.options.deadline"]


WRONG = [
    (component(endpoint="prod-kafak"), "components.0.endpoint", "no endpoint 'prod-kafak'"),
    (component(options={"topik": "orders"}), "components.0.options.topik", "not known for kind kafka"),
    (component(retry={"strategy": "custom", "waits": []}), "components.0.retry.custom", "write either waits"),
    (component(timeout=0), "components.0.timeout", "no time at all"),
    ({"connections": [{"source": "Topic", "target": "Queu", "kind": "then"}]}, "connections.0.target", "no component 'Queu'"),
    ({"connections": a_definition()["connections"] * 2}, "connections.1", "are connected twice."),
    ({"inputs": {"day": {"type": "strng"}}}, "inputs.day", "no type 'strng'"),
    ({"inputs": {"far": {"type": "number", "default": 1e305}}}, "inputs.far", ""),
    ({"workflow": "Orders!"}, "workflow", "pattern"),
]


@pytest.mark.parametrize(("change", "path", "message"), WRONG)
async def test_what_is_wrong_is_said_by_its_path_and_never_by_a_line(
    api: httpx.AsyncClient, change: dict[str, Any], path: str, message: str
) -> None:
    answer = await checked(api, a_definition(**change))
    body = answer.json()
    found = body["errors"] if answer.status_code == 422 else body["problems"]
    fitting = [item for item in found if item.get("path", item.get("field", "")).startswith(f"definition.{path}")]
    assert any(message in item["message"] for item in fitting), found
    assert all((item.get("line", 0), item.get("column", 0)) == (0, 0) for item in found)
    assert "line" not in " ".join(item["message"] for item in found)


async def test_the_yaml_is_written_in_its_thread_and_never_when_it_would_be_too_large(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    at: list[str] = []

    def noted(*given: Any) -> str:
        at.append(threading.current_thread().name)
        return write(*given)

    monkeypatch.setattr(yaml, "write", noted)
    assert (await checked(api, a_definition())).json()["valid"]
    assert len(at) == 1
    assert at[0].startswith("yaml")
    for options in ({"topic": "x" * 600_000}, {"topic": "orders", "more": [0] * 50_000}):
        body = (await checked(api, a_definition(**component(options=options)))).json()
        (problem,) = body["problems"]
        assert problem["path"] == "definition"
        assert "at most 256 KB" in problem["message"] or "more than 40,000 values" in problem["message"]
