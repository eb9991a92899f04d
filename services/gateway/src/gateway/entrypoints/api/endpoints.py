"""Endpoints and tests of them."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from gateway.application.answers.base import Page, example
from gateway.application.answers.definitions import EndpointAnswer, fields_of
from gateway.application.answers.endpoints import EndpointHold
from gateway.application.commands.endpoints import EndpointInput
from gateway.application.definitions import Definition, Kind
from gateway.entrypoints.api.definitions import add_routes
from gateway.entrypoints.api.parts import Administrator, App, Viewer, router
from gateway.entrypoints.application import Application
from shared.contracts.internal import EndpointTestResult
from shared.contracts.kinds import JOINS, KINDS

endpoints = router("/endpoints", "endpoints")


@endpoints.get("/", response_model=Page[EndpointAnswer], summary="List endpoints")
async def list_endpoints(app: App, who: Viewer, kind: Annotated[str | None, Query(max_length=40)] = None) -> Page[EndpointAnswer]:  # noqa: ARG001
    found = await app.reads.definitions(Kind.ENDPOINT)
    users = _users(await app.reads.workflows())
    holds = await app.reads.holds()
    shown = (_answer(item, users.get(item.name, ()), holds.get(item.name, ())) for item in found if kind in (None, item.body["kind"]))
    return Page(items=tuple(shown))


class KindsAnswer(BaseModel):
    """What endpoints and components there can be (``endpoint``, ``secrets``, ``component``: JSON Schemas of their options), and which
    pairs of kinds a connection may join.
    """

    model_config = example(
        kinds=[
            {
                "name": "mq",
                "title": "Message queue",
                "needs_endpoint": True,
                "endpoint": {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]},
                "secrets": {"type": "object", "properties": {"password": {"type": "string"}}},
                "component": {"type": "object", "properties": {"queue": {"type": "string"}}, "required": ["queue"]},
            }
        ],
        connections=[
            {
                "name": "kafka-to-mq",
                "pairs": [["kafka", "mq"]],
                "meaning": "Every message of the topic is published to the queue with publisher confirms, per key in order.",
                "messages": True,
            }
        ],
    )

    kinds: tuple[dict[str, Any], ...]
    connections: tuple[dict[str, Any], ...]


@endpoints.get("/kinds/", response_model=KindsAnswer, summary="The kinds of endpoints and components, and what may be joined")
async def list_kinds(who: Viewer) -> KindsAnswer:  # noqa: ARG001
    return KindsAnswer(
        kinds=tuple(
            {
                "name": kind.name,
                "title": kind.title,
                "needs_endpoint": kind.needs_endpoint,
                "endpoint": kind.endpoint.model_json_schema(),
                "secrets": kind.secrets.model_json_schema(),
                "component": kind.component.model_json_schema(),
            }
            for kind in KINDS.values()
        ),
        connections=tuple(
            {"name": join.name, "pairs": join.pairs, "meaning": join.meaning, "messages": join.data} for join in JOINS.values()
        ),
    )


@endpoints.post("/test/", response_model=EndpointTestResult, summary="Test an endpoint before it is saved")
async def try_new(app: App, who: Administrator, given: EndpointInput) -> EndpointTestResult:  # noqa: ARG001
    return await app.tests.endpoint(given)


@endpoints.post("/{endpoint_id}/test/", response_model=EndpointTestResult, summary="Test a saved endpoint, as it is or as changed")
async def try_saved(app: App, who: Administrator, endpoint_id: str, given: EndpointInput | None = None) -> EndpointTestResult:  # noqa: ARG001
    return await app.tests.endpoint(given, endpoint_id)


def _users(workflows: list[Any]) -> dict[str, tuple[str, ...]]:
    users: dict[str, list[str]] = {}
    for workflow, version in workflows:
        for name in {part.get("endpoint") for part in (version.definition if version else {}).get("components", ())}:
            users.setdefault(name, []).append(workflow.name)
    return {name: tuple(sorted(found)) for name, found in users.items()}


def _answer(definition: Definition, used_by: tuple[str, ...], held: tuple[EndpointHold, ...]) -> EndpointAnswer:
    return EndpointAnswer.model_validate({**fields_of(definition), "used_by": used_by, "held": held})


async def _show(app: Application, definition: Definition) -> BaseModel:
    users = _users(await app.reads.workflows())
    return _answer(definition, users.get(definition.name, ()), (await app.reads.holds()).get(definition.name, ()))


add_routes(endpoints, Kind.ENDPOINT, EndpointInput, EndpointAnswer, lambda app: app.endpoints, _show)
