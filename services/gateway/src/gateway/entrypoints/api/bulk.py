"""Bulk retries: preview, create, watch, pause, cancel, and the failures of one again."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict

from gateway.application.answers.base import Page
from gateway.application.answers.bulk import BulkAnswer, BulkItemAnswer, BulkPreview
from gateway.application.commands.bulk import BulkInput
from gateway.application.definitions import Actor
from gateway.application.ports.work import Work
from gateway.domain.problems import Missing
from gateway.entrypoints.api.parts import After, App, Key, Limit, Operator, Viewer, once, paged, router
from gateway.entrypoints.api.run_commands import Reason, ReasonInput
from gateway.entrypoints.application import Application, actor_of

bulk = router("/runs/bulk", "runs")
Do = Callable[[Work], Awaitable[tuple[int, dict[str, Any], dict[str, str]]]]


class BulkAccepted(BaseModel):
    """The job stands; a worker goes on with it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"bulk_id": "0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01"}]})

    bulk_id: str


def _made(bulk_id: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    return 201, BulkAccepted(bulk_id=bulk_id).model_dump(), {"Location": f"/api/runs/bulk/{bulk_id}/"}


def _changes(app: Application, actor: Actor, bulk_id: str, to: str, given: ReasonInput | None) -> Do:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        after = await app.bulk.change(actor, bulk_id, to, reason=given.reason if given else "", work=work)
        return 200, after.model_dump(mode="json"), {}

    return do


@bulk.get("/", response_model=Page[BulkAnswer], summary="List bulk retries, newest first")
async def list_bulks(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    after: After = None,
    limit: Limit = 50,
) -> Page[BulkAnswer]:
    return paged(request, response, await app.reads.bulks(after=after, limit=limit))


@bulk.post("/preview/", response_model=BulkPreview, summary="See what a bulk retry would do")
async def preview(app: App, who: Operator, given: BulkInput) -> BulkPreview:  # noqa: ARG001
    return await app.bulk.preview(given.selection, given.per_second, given.version)


@bulk.post("/", status_code=201, response_model=BulkAccepted, summary="Retry what failed in many runs")
async def create(app: App, who: Operator, request: Request, given: BulkInput, key: Key = None) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        return _made(await app.bulk.create(actor_of(request, who), given, work=work))

    return await once(app, who, request, key, do)


@bulk.get("/{bulk_id}/", response_model=BulkAnswer, summary="Read a bulk retry and how far it is")
async def read(app: App, who: Viewer, bulk_id: str) -> BulkAnswer:  # noqa: ARG001
    found = await app.reads.bulk(bulk_id)
    if found is None:
        raise Missing("bulk retry", bulk_id)
    return found


@bulk.get("/{bulk_id}/items/", response_model=Page[BulkItemAnswer], summary="Read what became of each run")
async def read_items(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    bulk_id: str,
    status: Annotated[str, Query(max_length=200, description="One or more, with commas.", examples=["refused,failed_again"])] = "",
    after: After = None,
    limit: Limit = 50,
) -> Page[BulkItemAnswer]:
    page = await app.reads.bulk_items(bulk_id, status=status, after=after, limit=limit)
    if not page.items and await app.reads.bulk(bulk_id) is None:
        raise Missing("bulk retry", bulk_id)
    return paged(request, response, page)


@bulk.post("/{bulk_id}/pause/", response_model=BulkAnswer, summary="Ask no more runs for now")
async def pause(app: App, who: Operator, request: Request, bulk_id: str, given: Reason = None, key: Key = None) -> Response:
    return await once(app, who, request, key, _changes(app, actor_of(request, who), bulk_id, "paused", given))


@bulk.post("/{bulk_id}/resume/", response_model=BulkAnswer, summary="Go on with a paused bulk retry")
async def resume(app: App, who: Operator, request: Request, bulk_id: str, given: Reason = None, key: Key = None) -> Response:
    return await once(app, who, request, key, _changes(app, actor_of(request, who), bulk_id, "running", given))


@bulk.post("/{bulk_id}/cancel/", response_model=BulkAnswer, summary="Ask no more runs; what was asked stays asked")
async def cancel(app: App, who: Operator, request: Request, bulk_id: str, given: Reason = None, key: Key = None) -> Response:
    return await once(app, who, request, key, _changes(app, actor_of(request, who), bulk_id, "cancelled", given))


@bulk.post("/{bulk_id}/retry_failures/", status_code=201, response_model=BulkAccepted, summary="Retry what was refused or failed again")
async def retry_failures(app: App, who: Operator, request: Request, bulk_id: str, key: Key = None) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        return _made(await app.bulk.retry_failures(actor_of(request, who), bulk_id, work=work))

    return await once(app, who, request, key, do)
