"""Workflows: check, publish, versions, delete."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Body, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.application.answers.base import Page, example
from gateway.application.answers.definitions import WorkflowAnswer, workflow_answer
from gateway.application.ports.work import Work
from gateway.domain.problems import FieldProblem, Invalid, InvalidDocument, Missing
from gateway.domain.workflow_yaml import Reading, in_json, refuse_unknown
from gateway.entrypoints.api.parts import Administrator, App, IfMatch, Key, Viewer, etag, needed, once, router
from gateway.entrypoints.application import Application, actor_of
from shared.contracts.base import Count
from shared.contracts.workflows import Component, Connection, WorkflowDefinition

workflows = router("/workflows", "workflows")

_EXAMPLE = "workflow: order-processing\ncomponents:\n  OrderTopic: {kind: kafka, endpoint: prod-kafka, topic: orders}\n"


class WorkflowInput(BaseModel):
    """A workflow as YAML, comments and order kept, or as a definition from which the YAML is written."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"yaml": _EXAMPLE, "note": "first version"}]})

    yaml: str | None = Field(default=None, description="The text as written.")
    definition: Annotated[WorkflowDefinition | None, BeforeValidator(refuse_unknown)] = None
    note: str = Field(default="", max_length=500)


class Finding(BaseModel):
    """One thing that is wrong. Line and column start at 1 in the YAML; a definition has none (0), its path leads to the place."""

    line: int
    column: int
    path: str
    message: str
    hint: str = ""


class CheckAnswer(BaseModel):
    """What is wrong with a workflow, and the graph as far as it can be read."""

    model_config = example(
        valid=False,
        problems=[
            {
                "line": 3,
                "column": 45,
                "path": "components.OrderTopic.endpoint",
                "message": "There is no endpoint 'prod-kafak'.",
                "hint": "Did you mean 'prod-kafka'? Or create it under Endpoints.",
            }
        ],
    )

    valid: bool
    problems: tuple[Finding, ...]
    components: tuple[Component, ...] = ()
    connections: tuple[Connection, ...] = ()


async def _text(app: Application, given: WorkflowInput, before: str = "") -> str:
    if given.yaml is not None and given.definition is None:
        if "\0" in given.yaml:
            raise Invalid(FieldProblem("yaml", "The text holds the character NUL.", "Remove it."))
        return given.yaml
    if given.definition is not None and given.yaml is None:
        return await app.workflows.write(given.definition, before)
    raise Invalid(
        FieldProblem("yaml", "Give either 'yaml' or 'definition'.", "The YAML is what people write; a definition is written as YAML.")
    )


@contextmanager
def _placed(given: WorkflowInput) -> Iterator[None]:
    """Say problems of a definition by their path in it: nobody has seen the YAML that was written of it."""
    try:
        yield
    except InvalidDocument as refused:
        if given.definition is None:
            raise
        raise InvalidDocument(in_json(refused.problems, given.definition)) from None


@workflows.get("/", response_model=Page[WorkflowAnswer], summary="List workflows")
async def list_workflows(app: App, who: Viewer) -> Page[WorkflowAnswer]:  # noqa: ARG001
    return Page(items=tuple(workflow_answer(workflow, version) for workflow, version in await app.reads.workflows()))


@workflows.post("/validate/", response_model=CheckAnswer, summary="Check a workflow; nothing is changed")
async def check(app: App, who: Viewer, given: WorkflowInput) -> CheckAnswer:  # noqa: ARG001
    reading = Reading(None, ())
    try:
        reading = await app.workflows.check(await _text(app, given), given.definition)
        problems = reading.problems
    except InvalidDocument as refused:  # too large to be written
        problems = refused.problems
    if given.definition is not None:
        problems = in_json(problems, given.definition)
    return CheckAnswer(
        valid=reading.definition is not None,
        problems=tuple(Finding(**vars(item)) for item in problems),
        components=reading.components,
        connections=reading.connections,
    )


@workflows.post("/", status_code=201, response_model=WorkflowAnswer, summary="Publish a new workflow")
async def publish(app: App, who: Administrator, request: Request, given: Annotated[WorkflowInput, Body()], key: Key = None) -> Response:
    with _placed(given):
        text = await _text(app, given)
        definition = await app.workflows.accepted(text, given.definition)

    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        with _placed(given):
            workflow, version = await app.workflows.enter(work, actor_of(request, who), text, definition, note=given.note)
        headers = {"ETag": workflow.etag, "Location": f"/api/workflows/{workflow.id}/"}
        return 201, workflow_answer(workflow, version).model_dump(mode="json"), headers

    return await once(app, who, request, key, do)


@workflows.get("/{workflow_id}/", response_model=WorkflowAnswer, summary="Read a workflow with its newest version")
async def read(
    app: App,
    who: Viewer,  # noqa: ARG001
    workflow_id: str,
    response: Response,
    version: Annotated[Count | None, Query(description="An older version.")] = None,
) -> WorkflowAnswer:
    workflow = await app.reads.workflow(workflow_id)
    if workflow is None:
        raise Missing("workflow", workflow_id)
    found = await app.reads.version(workflow_id, version or workflow.latest)
    if found is None:
        raise Missing("version", f"{workflow.name} {version}")
    etag(response, workflow.etag)
    return workflow_answer(workflow, found)


@workflows.put("/{workflow_id}/", response_model=WorkflowAnswer, summary="Publish the next version")
async def publish_next(
    app: App, who: Administrator, request: Request, workflow_id: str, given: WorkflowInput, if_match: IfMatch = None
) -> Response:
    before = ""
    if given.definition is not None:
        workflow = await app.reads.workflow(workflow_id)
        latest = None if workflow is None else await app.reads.version(workflow_id, workflow.latest)
        before = latest.yaml if latest else ""
    match = needed(if_match)
    with _placed(given):
        text = await _text(app, given, before)
        after, version = await app.workflows.publish(
            actor_of(request, who), text, given=given.definition, workflow_id=workflow_id, if_match=match, note=given.note
        )
    return JSONResponse(workflow_answer(after, version).model_dump(mode="json"), headers={"ETag": after.etag})


@workflows.delete("/{workflow_id}/", status_code=204, response_class=Response, summary="Delete a workflow; runs in flight go on")
async def delete(app: App, who: Administrator, request: Request, workflow_id: str, if_match: IfMatch = None) -> Response:
    await app.workflows.delete(actor_of(request, who), workflow_id, if_match=if_match)
    return Response(status_code=204)
