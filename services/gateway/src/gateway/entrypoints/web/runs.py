"""Pages of runs, and what can be asked of one."""

from fastapi import Request
from fastapi.responses import Response

from gateway.application.commands.runs import RetryInput
from gateway.entrypoints.web.fields import REFUSED, problems_of
from gateway.entrypoints.web.site import App, Operator, Pages, Viewer, actor_of, form_of, pages, person_of, stay

runs = pages("/runs")


@runs.get("/")
async def list_runs(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(request, who, "runs/list.html", "runs", await site.queries.runs(person_of(who), request.query_params))


@runs.get("/{run_id}/")
async def show(site: Pages, who: Viewer, request: Request, run_id: str, component: str = "") -> Response:
    return await site.page(request, who, "runs/page.html", "runs", await site.queries.run(person_of(who), run_id, component))


@runs.post("/{run_id}/cancel/")
async def cancel(app: App, who: Operator, request: Request, run_id: str) -> Response:
    try:
        await app.runs.cancel(actor_of(request, who), run_id)
    except REFUSED as error:
        return stay(request, problems_of(error)[0].message, "retry")
    return stay(request, "Asked to cancel. What was confirmed stays; nothing further is sent.", "run")


@runs.post("/{run_id}/retry/")
async def retry(app: App, who: Operator, request: Request, run_id: str) -> Response:
    form = await form_of(request)
    component, scope = form.get("component", ""), form.get("scope", "component")
    try:
        given = RetryInput(components=(component,) if component else (), scope="following" if scope == "following" else "only")
        await app.runs.retry(actor_of(request, who), run_id, given)
    except REFUSED as error:
        return stay(request, " ".join(f"{item.message} {item.hint}".strip() for item in problems_of(error)), "retry")
    return stay(request, f"Asked to run {component or 'what failed'} again. Everything else stays as it is.", "run")
