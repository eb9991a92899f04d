"""Runs: start, list, count, read, compare. What is asked of one stands in ``run_commands``."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict

from gateway.application.answers.base import Page
from gateway.application.answers.retries import RunComparison, compare
from gateway.application.answers.runs import RunAnswer, RunDetail, RunEventAnswer
from gateway.application.commands.runs import StartInput
from gateway.application.ports.read_model import COUNTED, RunFilter
from gateway.application.ports.work import Work
from gateway.application.queries.run_filter import check_states
from gateway.domain.problems import FieldProblem, Invalid, Missing
from gateway.entrypoints.api.parts import After, App, Key, Limit, Operator, Viewer, once, paged, router
from gateway.entrypoints.application import actor_of

runs = router("/runs", "runs")
_LINES = "application/jsonl"
_PAGE = 500
"""Events that are in memory at once while a run's are downloaded."""


class Accepted(BaseModel):
    """It was asked; what comes of it shows in the run."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"run_id": "0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01", "status": "asked"}]})

    run_id: str
    status: str = "asked"


class RunCounts(BaseModel):
    """Runs by state. ``more``: states of which there are more than the figure says; null: not known cheaply."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"counts": {"failed": 12, "succeeded": 1000, "running": 3}, "more": ["succeeded"]}]}
    )

    counts: dict[str, int | None]
    more: tuple[str, ...] = ()


def wanted_runs(
    workflow: Annotated[str, Query(max_length=100, description="Name or id.")] = "",
    status: Annotated[str, Query(max_length=200, description="One or more, with commas.", examples=["failed,parked"])] = "",
    trigger: Annotated[str, Query(max_length=160, description="Its kind, or kind:name.", examples=["schedule:nightly"])] = "",
    q: Annotated[str, Query(max_length=200, description="In the business key, the id or the inputs.", examples=["order-4711"])] = "",
    since: Annotated[AwareDatetime | None, Query(description="Asked at this time or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Asked before this time.")] = None,
) -> RunFilter:
    """Return which runs the query asks for; raise Invalid for a state that no run is ever in."""
    wanted = RunFilter(workflow=workflow, status=status, words=q.strip(), trigger=trigger, since=since, until=until)
    check_states(wanted)
    return wanted


Wanted = Annotated[RunFilter, Depends(wanted_runs)]


@runs.get("/", response_model=Page[RunAnswer], summary="List runs, newest first")
async def list_runs(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    wanted: Wanted,
    after: After = None,
    limit: Limit = 50,
) -> Page[RunAnswer]:
    return paged(request, response, await app.reads.runs(wanted, after=after, limit=limit))


@runs.get("/counts/", response_model=RunCounts, summary="Count runs by state, as far as that is cheap")
async def count_runs(app: App, who: Viewer, wanted: Wanted) -> RunCounts:  # noqa: ARG001
    if wanted.words:
        raise Invalid(FieldProblem("q", "Runs are not counted by words; that would mean to look at each.", "Leave 'q' out."))
    counts = await app.reads.count_runs(wanted)
    return RunCounts(
        counts={state: None if found is None else min(found, COUNTED - 1) for state, found in counts.items()},
        more=tuple(state for state, found in counts.items() if found is not None and found >= COUNTED),
    )


@runs.get("/compare/", response_model=RunComparison, summary="Compare two runs")
async def compare_runs(
    app: App,
    who: Viewer,  # noqa: ARG001
    a: Annotated[str, Query(min_length=1, max_length=100, description="Id of a run.", examples=["0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01"])],
    b: Annotated[str, Query(min_length=1, max_length=100, description="Id of another.", examples=["0192f0c9-4a11-7e30-8a2e-0d1f9b1c7b22"])],
) -> RunComparison:
    first, second = await app.reads.run(a), await app.reads.run(b)
    if first is None or second is None:
        raise Missing("run", a if first is None else b)
    return compare(first, second)


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
    component: Annotated[str, Query(max_length=100, description="Only events of this component.")] = "",
    q: Annotated[str, Query(max_length=200, description="Only events whose JSON holds this text.")] = "",
    limit: Limit = 200,
) -> Page[RunEventAnswer]:
    events = await app.reads.run_events(run_id, after=after, limit=limit, component=component, words=q)
    if not events and await app.reads.run(run_id) is None:
        raise Missing("run", run_id)
    return Page(items=tuple(events), next=str(events[-1].seq) if len(events) == limit else None)


@runs.get(
    "/{run_id}/events.jsonl",
    summary="Download all events of a run, one JSON object a line",
    response_class=StreamingResponse,
    responses={
        200: {"content": {_LINES: {"schema": {"type": "string"}, "example": '{"seq":1,"event":"run.started","at":"…","body":{}}\n'}}}
    },
)
async def download_events(app: App, who: Viewer, run_id: str) -> Response:  # noqa: ARG001
    run = await app.reads.run(run_id)
    if run is None:
        raise Missing("run", run_id)
    # A run that moves gets more events meanwhile: the file ends with what was there when it was asked for.
    end = run.seq

    async def lines() -> AsyncIterator[bytes]:
        last = 0
        while last < end and (events := await app.reads.run_events(run_id, after=last, limit=_PAGE)):
            yield b"".join(event.model_dump_json().encode() + b"\n" for event in events)
            last = events[-1].seq

    name = "".join(sign if (sign.isalnum() and sign.isascii()) or sign in "-_." else "_" for sign in run_id)
    return StreamingResponse(lines(), media_type=_LINES, headers={"Content-Disposition": f'attachment; filename="{name}.events.jsonl"'})
