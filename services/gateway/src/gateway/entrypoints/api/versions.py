"""Versions of workflows: list, read, download, compare, publish again; and how a workflow's runs went."""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Body, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from gateway.application.answers.base import Page
from gateway.application.answers.definitions import VersionAnswer, WorkflowAnswer, workflow_answer
from gateway.application.answers.outcomes import OutcomesAnswer
from gateway.application.answers.versions import ComparisonAnswer, VersionListed
from gateway.application.ports.read_model import WrongCursor
from gateway.application.queries.versions import Versions
from gateway.domain.workflow_yaml import workflow_schema
from gateway.entrypoints.api.parts import Administrator, App, IfMatch, Limit, Public, Viewer, needed, paged, router
from gateway.entrypoints.application import actor_of
from shared.contracts.base import Count
from shared.runtime.clock import now

versions = router("/workflows", "workflows")

_YAML = "application/yaml"
_LINES = "application/jsonl"
_SCHEMA = JSONResponse(workflow_schema()).body
_SCHEMA_TAG = f'"{sha256(_SCHEMA).hexdigest()[:32]}"'
Number = Annotated[Count, Path(description="Number of the version.")]


class AgainInput(BaseModel):
    """Why an older version is published again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "the new queue is too slow"}]})

    note: str = Field(default="", max_length=500, description="Empty: “version <n> again”.")


@versions.get(
    "/schema.json",
    summary="Read the JSON Schema of a workflow's YAML, for editors",
    response_model=None,
    responses={200: {"content": {"application/schema+json": {"schema": {"type": "object"}, "example": {"title": "Flowtower workflow"}}}}},
)
async def read_schema(who: Public, if_none_match: Annotated[str | None, Header()] = None) -> Response:  # noqa: ARG001
    headers = {"ETag": _SCHEMA_TAG, "Cache-Control": "public, max-age=3600"}
    if if_none_match and _SCHEMA_TAG in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(_SCHEMA, media_type="application/schema+json", headers=headers)


@versions.get(
    "/{workflow_id}/versions/", response_model=Page[VersionListed], summary="List the versions with what each changed, newest first"
)
async def list_versions(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    workflow_id: str,
    after: Annotated[str | None, Query(max_length=1000, description="Cursor: the 'next' of the page before.")] = None,
    limit: Limit = 50,
) -> Page[VersionListed]:
    if after is not None and not (after.isascii() and after.isdecimal() and len(after) < 10):
        raise WrongCursor("The cursor can't be read; begin again without 'after'.")
    page = await app.versions.listed(workflow_id, before=None if after is None else int(after), limit=limit)
    return paged(request, response, page)


@versions.get(
    "/{workflow_id}/versions.jsonl",
    summary="Download all versions, one JSON object a line, newest first",
    response_class=StreamingResponse,
    responses={
        200: {"content": {_LINES: {"schema": {"type": "string"}, "example": '{"workflow_id":"01977d10","version":7,"yaml":"…"}\n'}}}
    },
)
async def download_all(app: App, who: Viewer, workflow_id: str) -> Response:  # noqa: ARG001
    return await all_versions(app.versions, workflow_id)


@versions.get("/{workflow_id}/versions/{version}/", response_model=VersionAnswer, summary="Read a version")
async def read_version(app: App, who: Viewer, workflow_id: str, version: Number, response: Response) -> VersionAnswer:  # noqa: ARG001
    found = await app.versions.one(workflow_id, version)
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return VersionAnswer(**vars(found))


@versions.get(
    "/{workflow_id}/versions/{version}/workflow.yaml",
    summary="Download the YAML of a version",
    response_class=Response,
    responses={200: {"content": {_YAML: {"schema": {"type": "string"}, "example": "workflow: order-processing\ncomponents: …\n"}}}},
)
async def download(app: App, who: Viewer, workflow_id: str, version: Number) -> Response:  # noqa: ARG001
    return await yaml_of(app.versions, workflow_id, version)


@versions.get("/{workflow_id}/versions/{before}/compare/{after}/", response_model=ComparisonAnswer, summary="Compare two versions")
async def compare(app: App, who: Viewer, workflow_id: str, before: Number, after: Number) -> ComparisonAnswer:  # noqa: ARG001
    return await app.versions.compare(workflow_id, before, after)


@versions.post(
    "/{workflow_id}/versions/{version}/publish/",
    response_model=WorkflowAnswer,
    summary="Publish an older version again, as the next one",
)
async def publish_again(
    app: App,
    who: Administrator,
    request: Request,
    workflow_id: str,
    version: Number,
    given: Annotated[AgainInput | None, Body()] = None,
    if_match: IfMatch = None,
) -> Response:
    note = given.note if given else ""
    after, made = await app.workflows.again(actor_of(request, who), workflow_id, version, if_match=needed(if_match), note=note)
    return JSONResponse(workflow_answer(after, made).model_dump(mode="json"), headers={"ETag": after.etag})


@versions.get("/{workflow_id}/outcomes/", response_model=OutcomesAnswer, summary="Read how a workflow's runs went")
async def read_outcomes(
    app: App,
    who: Viewer,  # noqa: ARG001
    workflow_id: str,
    days: Annotated[int, Query(ge=1, le=90, description="Days to look back.")] = 7,
) -> OutcomesAnswer:
    workflow = await app.versions.workflow(workflow_id)
    return await app.reads.outcomes(workflow.id, now() - timedelta(days=days))


async def yaml_of(found: Versions, workflow_id: str, version: int) -> Response:
    """Return a version's text as a file, to the letter."""
    workflow, record = await found.workflow(workflow_id), await found.one(workflow_id, version)
    return Response(record.yaml, media_type=f"{_YAML}; charset=utf-8", headers=_attached(f"{workflow.name}-v{version}.yaml"))


async def all_versions(found: Versions, workflow_id: str) -> Response:
    """Return all versions as a file of JSON lines."""
    workflow = await found.workflow(workflow_id)

    async def lines() -> AsyncIterator[bytes]:
        async for record in found.all(workflow_id):
            yield VersionAnswer(**vars(record)).model_dump_json().encode() + b"\n"

    return StreamingResponse(lines(), media_type=_LINES, headers=_attached(f"{workflow.name}-versions.jsonl"))


def _attached(name: str) -> dict[str, Any]:
    """Names of workflows hold no quotes and no line ends."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
