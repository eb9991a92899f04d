"""Runs: start, list, read, cancel, retry."""

from typing import Annotated, Any

from fastapi import Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.application.answers.base import Page
from gateway.application.answers.runs import RunAnswer, RunDetail, RunEventAnswer
from gateway.application.commands.runs import RetryInput, StartInput
from gateway.application.ports.read_model import RunFilter
from gateway.application.ports.work import Work
from gateway.domain.problems import Missing
from gateway.entrypoints.api.parts import After, App, Key, Limit, Operator, Viewer, once, paged, router
from gateway.entrypoints.application import actor_of

runs = router("/runs", "runs")


class Accepted(BaseModel):
    """It was asked; what comes of it shows in the run."""

    run_id: str
    status: str = "asked"


class CancelInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=1000)


class RetryNowInput(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"component": "OrderQueue"}]})

    component: str = Field(min_length=1, max_length=100)


@runs.get("/", response_model=Page[RunAnswer], summary="List runs, newest first")
async def list_runs(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    workflow: Annotated[str, Query(max_length=100, description="Name or id.")] = "",
    status: Annotated[str, Query(max_length=200, description="One or more, with commas.")] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    after: After = None,
    limit: Limit = 50,
) -> Page[RunAnswer]:
    return paged(request, response, await app.reads.runs(RunFilter(workflow=workflow, status=status, words=q), after=after, limit=limit))


@runs.post("/", status_code=202, response_model=Accepted, summary="Start a run")
async def start(app: App, who: Operator, request: Request, given: StartInput, key: Key = None) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        run_id = await app.runs.start(actor_of(request, who), given, work=work)
        return 202, Accepted(run_id=run_id).model_dump(), {"Location": f"/api/runs/{run_id}/"}

    return await once(app, who, request, key, do)


@runs.get("/{run_id}/", response_model=RunDetail, summary="Read a run with its graph and attempts")
async def read(app: App, who: Viewer, run_id: str, response: Response) -> RunDetail:  # noqa: ARG001
    found = await app.reads.run(run_id)
    if found is None:
        raise Missing("run", run_id)
    response.headers["ETag"] = f'"{found.seq}"'
    return found


@runs.get("/{run_id}/events/", response_model=Page[RunEventAnswer], summary="Read a run's events in their order")
async def read_events(
    app: App,
    who: Viewer,  # noqa: ARG001
    run_id: str,
    after: Annotated[int, Query(ge=0, description="Only events with a greater number.")] = 0,
    limit: Limit = 200,
) -> Page[RunEventAnswer]:
    events = await app.reads.run_events(run_id, after=after, limit=limit)
    if not events and await app.reads.run(run_id) is None:
        raise Missing("run", run_id)
    return Page(items=tuple(events), next=str(events[-1].seq) if len(events) == limit else None)


@runs.post("/{run_id}/cancel/", status_code=202, response_model=Accepted, summary="Cancel a run")
async def cancel(app: App, who: Operator, request: Request, run_id: str, given: Annotated[CancelInput | None, Body()] = None) -> Accepted:
    await app.runs.cancel(actor_of(request, who), run_id, reason=given.reason if given else "")
    return Accepted(run_id=run_id)


@runs.post("/{run_id}/retry/", status_code=202, response_model=Accepted, summary="Run components again")
async def retry(app: App, who: Operator, request: Request, run_id: str, given: Annotated[RetryInput | None, Body()] = None) -> Accepted:
    await app.runs.retry(actor_of(request, who), run_id, given or RetryInput())
    return Accepted(run_id=run_id)


@runs.post("/{run_id}/retry_now/", status_code=202, response_model=Accepted, summary="Begin a planned attempt now")
async def retry_now(app: App, who: Operator, request: Request, run_id: str, given: RetryNowInput) -> Accepted:
    await app.runs.retry_now(actor_of(request, who), run_id, given.component)
    return Accepted(run_id=run_id)
