"""What is asked of a run: cancel, pause, resume, retry with its preview, and a planned attempt at once."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.application.answers.retries import RetryPreview, preview_answer
from gateway.application.commands.retries import RetryInput, Scope
from gateway.application.ports.work import Work
from gateway.entrypoints.api.parts import App, Key, Operator, Viewer, once, router
from gateway.entrypoints.api.runs import Accepted
from gateway.entrypoints.application import actor_of
from shared.contracts.base import Count

run_commands = router("/runs", "runs")


class ReasonInput(BaseModel):
    """Why; it stands in the audit and in the run's log."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the target is being repaired"}]})

    reason: str = Field(default="", max_length=1000)


class RetryNowInput(BaseModel):
    """The component whose planned attempt shall begin now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"component": "OrderQueue"}]})

    component: str = Field(min_length=1, max_length=100)


Reason = Annotated[ReasonInput | None, Body()]
Do = Callable[[Work], Awaitable[None]]


def _accepted(run_id: str, do: Do) -> Callable[[Work], Awaitable[tuple[int, dict[str, Any], dict[str, str]]]]:
    async def work_it(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        await do(work)
        return 202, Accepted(run_id=run_id).model_dump(), {"Location": f"/api/runs/{run_id}/"}

    return work_it


@run_commands.post("/{run_id}/cancel/", status_code=202, response_model=Accepted, summary="Cancel a run")
async def cancel(app: App, who: Operator, request: Request, run_id: str, given: Reason = None, key: Key = None) -> Response:
    actor, reason = actor_of(request, who), given.reason if given else ""
    return await once(app, who, request, key, _accepted(run_id, lambda work: app.runs.cancel(actor, run_id, reason=reason, work=work)))


@run_commands.post("/{run_id}/pause/", status_code=202, response_model=Accepted, summary="Let nothing more start in a run")
async def pause(app: App, who: Operator, request: Request, run_id: str, given: Reason = None, key: Key = None) -> Response:
    actor, reason = actor_of(request, who), given.reason if given else ""
    return await once(app, who, request, key, _accepted(run_id, lambda work: app.runs.pause(actor, run_id, reason=reason, work=work)))


@run_commands.post("/{run_id}/resume/", status_code=202, response_model=Accepted, summary="Let a paused run go on")
async def resume(app: App, who: Operator, request: Request, run_id: str, given: Reason = None, key: Key = None) -> Response:
    actor, reason = actor_of(request, who), given.reason if given else ""
    return await once(app, who, request, key, _accepted(run_id, lambda work: app.runs.resume(actor, run_id, reason=reason, work=work)))


@run_commands.get("/{run_id}/retry/preview/", response_model=RetryPreview, summary="See what a retry would do")
async def preview(
    app: App,
    who: Viewer,  # noqa: ARG001
    run_id: str,
    component: Annotated[list[str] | None, Query(max_length=500, description="May stand more than once; none: all that failed.")] = None,
    scope: Annotated[Scope, Query(description="only, following, slice or failed.")] = "only",
    until: Annotated[str | None, Query(max_length=100, description="End of a slice.")] = None,
    version: Annotated[Count | None, Query(description="Version of the workflow from here on.")] = None,
) -> RetryPreview:
    given = RetryInput(components=tuple(component or ()), scope=scope, until=until, version=version)
    run, found = await app.retries.preview(run_id, given)
    return preview_answer(run, found, version)


@run_commands.post("/{run_id}/retry/", status_code=202, response_model=Accepted, summary="Run components again")
async def retry(
    app: App, who: Operator, request: Request, run_id: str, given: Annotated[RetryInput | None, Body()] = None, key: Key = None
) -> Response:
    actor, wish = actor_of(request, who), given or RetryInput()
    return await once(app, who, request, key, _accepted(run_id, lambda work: app.retries.retry(actor, run_id, wish, work=work)))


@run_commands.post("/{run_id}/retry_now/", status_code=202, response_model=Accepted, summary="Begin a planned attempt now")
async def retry_now(app: App, who: Operator, request: Request, run_id: str, given: RetryNowInput, key: Key = None) -> Response:
    actor = actor_of(request, who)
    return await once(app, who, request, key, _accepted(run_id, lambda work: app.runs.retry_now(actor, run_id, given.component, work=work)))
