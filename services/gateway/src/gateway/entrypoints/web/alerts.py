"""Pages of incidents, and acknowledging one."""

from fastapi import Request
from fastapi.responses import Response

from gateway.entrypoints.web.site import App, Operator, Pages, Viewer, actor_of, pages, person_of, stay

alerts = pages("/alerts")


@alerts.get("/")
async def list_incidents(site: Pages, who: Viewer, request: Request) -> Response:
    page = await site.queries.incidents(person_of(who), request.query_params)
    return await site.page(request, who, "alerts/list.html", "alerts", page)


@alerts.get("/{incident_id}/")
async def show(site: Pages, who: Viewer, request: Request, incident_id: str) -> Response:
    page = await site.queries.incident(person_of(who), incident_id)
    return await site.page(request, who, "alerts/incident.html", "alerts", page)


@alerts.post("/{incident_id}/acknowledge/")
async def acknowledge(app: App, who: Operator, request: Request, incident_id: str) -> Response:
    await app.alerter.acknowledge(actor_of(request, who), incident_id)
    return stay(request, "You are on it. Everyone who was told is told so.", "ok")
