"""Triggers of a workflow: how they stand, what they did, pause, resume, fire now."""

from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict

from gateway.application.answers.base import Page
from gateway.application.answers.triggers import FiringAnswer, TriggerAnswer
from gateway.application.ports.work import Work
from gateway.application.triggers import triggers_of
from gateway.domain.problems import Missing
from gateway.entrypoints.api.parts import After, App, Key, Limit, Operator, Viewer, once, paged, router
from gateway.entrypoints.application import Application, actor_of

triggers = router("/workflows/{workflow_id}/triggers", "triggers")


class AskedTrigger(BaseModel):
    """It was asked; the trigger shows what came of it. ``firing_id``: under which name the firing will stand."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"trigger": "nightly", "asked": "fire", "firing_id": "0197c1d2-8f4e-7c3a-9d2b-0a1b2c3d4e5f"}]}
    )

    trigger: str
    asked: Literal["pause", "resume", "fire"]
    firing_id: str | None = None


async def _triggers(app: Application, workflow_id: str, *, last: int) -> tuple[TriggerAnswer, ...]:
    found = await triggers_of(app.reads, workflow_id, last=last)
    if found is None:
        raise Missing("workflow", workflow_id)
    return found


async def _one(app: Application, workflow_id: str, trigger: str) -> TriggerAnswer:
    found = next((item for item in await _triggers(app, workflow_id, last=20) if item.name == trigger), None)
    if found is None:
        raise Missing("trigger", trigger)
    return found


@triggers.get("/", response_model=Page[TriggerAnswer], summary="List a workflow's triggers: how each stands, and its last firings")
async def list_triggers(app: App, who: Viewer, workflow_id: str) -> Page[TriggerAnswer]:  # noqa: ARG001
    return Page(items=await _triggers(app, workflow_id, last=20))


@triggers.get("/{trigger}/", response_model=TriggerAnswer, summary="Read a trigger")
async def read(app: App, who: Viewer, workflow_id: str, trigger: str) -> TriggerAnswer:  # noqa: ARG001
    return await _one(app, workflow_id, trigger)


@triggers.get("/{trigger}/firings/", response_model=Page[FiringAnswer], summary="List a trigger's last firings, newest first")
async def list_firings(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    workflow_id: str,
    trigger: str,
    after: After = None,
    limit: Limit = 50,
) -> Page[FiringAnswer]:
    await _one(app, workflow_id, trigger)
    return paged(request, response, await app.reads.firings(workflow_id, trigger, after=after, limit=limit))


@triggers.post("/{trigger}/pause/", status_code=202, response_model=AskedTrigger, summary="Let a trigger fire no more")
async def pause(app: App, who: Operator, request: Request, workflow_id: str, trigger: str, key: Key = None) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        await app.triggers.pause(actor_of(request, who), workflow_id, trigger, paused=True, work=work)
        return 202, AskedTrigger(trigger=trigger, asked="pause").model_dump(exclude_none=True), {}

    return await once(app, who, request, key, do)


@triggers.post("/{trigger}/resume/", status_code=202, response_model=AskedTrigger, summary="Let a paused trigger fire again")
async def resume(app: App, who: Operator, request: Request, workflow_id: str, trigger: str, key: Key = None) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        await app.triggers.pause(actor_of(request, who), workflow_id, trigger, paused=False, work=work)
        return 202, AskedTrigger(trigger=trigger, asked="resume").model_dump(exclude_none=True), {}

    return await once(app, who, request, key, do)


@triggers.post("/{trigger}/fire/", status_code=202, response_model=AskedTrigger, summary="Start a run as if the trigger had fired now")
async def fire(app: App, who: Operator, request: Request, workflow_id: str, trigger: str, key: Key = None) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        firing_id = await app.triggers.fire(actor_of(request, who), workflow_id, trigger, work=work)
        return 202, AskedTrigger(trigger=trigger, asked="fire", firing_id=firing_id).model_dump(), {}

    return await once(app, who, request, key, do)
