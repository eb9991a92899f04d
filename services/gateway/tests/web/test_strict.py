"""What Python takes for JSON and JSON doesn't: refused with its place."""

import json
from typing import Any, Literal

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from gateway.domain.problems import Invalid
from gateway.entrypoints import problems
from gateway.entrypoints.api.strict import MAX_DEPTH, StrictRoute, parse
from shared.contracts.base import Count


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ('{"inputs": {"x": NaN}}', "inputs.x", "NaN is not a JSON number"),
        ('{"inputs": [1, -Infinity]}', "inputs.1", "-Infinity is not a JSON number"),
        ('{"inputs": {"x": 1e999}}', "inputs.x", "larger than a number can be"),
        ('{"inputs": {"orders": [{"day": "\\u0000"}]}}', "inputs.orders.0.day", "NUL"),
        ('{"inputs": {"a\\u0000": 1}}', "inputs", "name in it holds the character NUL"),
        ('{"limit": ' + "9" * 30 + "}", "limit", "30 digits"),
        ('{"inputs": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "inputs", f"more than {MAX_DEPTH} deep"),
        ('{"inputs": ' + "[" * 100_000, "", f"more than {MAX_DEPTH} deep"),
        ('{"limit": ' + "9" * 5000 + "}", "", "not JSON that is taken"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(body: str, field: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(body.encode())
    (problem,) = refused.value.problems
    assert problem.field == field
    assert words in problem.message
    assert problem.hint


def test_what_looks_alike_and_is_json_passes() -> None:
    given = {"a": "NaN", "b": "1e999", "c": 1.5, "d": [None, True, -(2**63)], "e": "1" * 5000}
    assert parse(json.dumps(given).encode()) == given
    with pytest.raises(json.JSONDecodeError):
        parse(b'{"a": ')


async def test_a_route_lets_the_place_through() -> None:
    router = APIRouter(route_class=StrictRoute)

    @router.post("/")
    async def take(given: dict[str, Any]) -> dict[str, Any]:
        return given

    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://flowtower.test") as client:
        assert (await client.post("/", json={"a": 1})).json() == {"a": 1}
        wrong = await client.post("/", content=b'{"inputs": {"x": NaN}}', headers={"Content-Type": "application/json"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "inputs.x")
        assert (await client.post("/", content=b"{", headers={"Content-Type": "application/json"})).status_code == 422


class Chosen(BaseModel):
    version: Count | Literal["latest"] = "latest"
    many: list[Count | Literal["all"]] = []
    name: str


async def test_a_value_of_none_of_several_shapes_is_said_at_its_place() -> None:
    app = FastAPI()

    @app.post("/")
    async def take(given: Chosen) -> None: ...

    problems.install(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://flowtower.test") as client:
        wrong = await client.post("/", json={"version": 3_000_000_000, "many": [1, "x"]})
    assert {item["field"] for item in wrong.json()["errors"]} == {"version", "many.1", "name"}
