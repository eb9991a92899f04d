"""What can be asked of a trigger on its workflow's page."""

from fastapi import Request
from fastapi.responses import Response

from gateway.application.ports.work import Work
from gateway.entrypoints.web.fields import REFUSED, problems_of
from gateway.entrypoints.web.once import once
from gateway.entrypoints.web.site import App, Operator, actor_of, form_of, pages, stay

triggers = pages("/workflows/{workflow_id}/triggers/{trigger}")


@triggers.post("/pause/")
async def pause(app: App, who: Operator, request: Request, workflow_id: str, trigger: str) -> Response:
    try:
        await app.triggers.pause(actor_of(request, who), workflow_id, trigger, paused=True)
    except REFUSED as error:
        return stay(request, problems_of(error)[0].message, "retry")
    return stay(request, f"Asked to pause {trigger}. It shows as paused once an executor has done so.", "run")


@triggers.post("/resume/")
async def resume(app: App, who: Operator, request: Request, workflow_id: str, trigger: str) -> Response:
    try:
        await app.triggers.pause(actor_of(request, who), workflow_id, trigger, paused=False)
    except REFUSED as error:
        return stay(request, problems_of(error)[0].message, "retry")
    return stay(request, f"Asked to resume {trigger}. It fires again once an executor has done so.", "run")


@triggers.post("/fire/")
async def fire(app: App, who: Operator, request: Request, workflow_id: str, trigger: str) -> Response:
    async def ask(work: Work | None) -> str:
        return await app.triggers.fire(actor_of(request, who), workflow_id, trigger, work=work)

    try:
        await once(app, who, request, await form_of(request), ask)
    except REFUSED as error:
        return stay(request, problems_of(error)[0].message, "retry")
    return stay(request, f"Asked to fire {trigger}. Its run appears here in a moment.", "run")
