"""The overview, the search, and the addresses under /monitoring/ that lead to pages elsewhere."""

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from gateway.domain.problems import Missing
from gateway.entrypoints.web.site import Pages, Viewer, pages, person_of

overview = pages()

_MONITORING = {"dashboard": "/", "health": "/clusters/", "metrics": "/runs/", "logs": "/dags/?state=failed", "alerts": "/alerts/"}


@overview.get("/")
async def show_overview(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(
        request, who, "overview/page.html", "overview", await site.queries.overview(person_of(who), request.query_params)
    )


@overview.get("/search/")
async def show_search(site: Pages, who: Viewer, request: Request, q: str = "") -> Response:
    return await site.page(request, who, "search.html", "", await site.queries.search(person_of(who), q.strip()[:200]))


@overview.get("/monitoring/{name}/")
async def show_monitoring(who: Viewer, request: Request, name: str) -> Response:  # noqa: ARG001
    if name not in _MONITORING:
        raise Missing("page", request.url.path)
    return RedirectResponse(_MONITORING[name], status_code=307)
