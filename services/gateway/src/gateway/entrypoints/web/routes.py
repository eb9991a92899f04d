"""All pages, in the order in which addresses are looked up."""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from gateway.application.views.queries import PageQueries
from gateway.domain.problems import Missing
from gateway.entrypoints.web.account import account
from gateway.entrypoints.web.alerts import alerts
from gateway.entrypoints.web.assets import Assets
from gateway.entrypoints.web.bulk import bulk
from gateway.entrypoints.web.channels import channels
from gateway.entrypoints.web.clusters import clusters
from gateway.entrypoints.web.dags import dags
from gateway.entrypoints.web.endpoints import endpoints
from gateway.entrypoints.web.overview import overview
from gateway.entrypoints.web.rules import rules
from gateway.entrypoints.web.runs import runs
from gateway.entrypoints.web.site import Pages, Site, pages
from gateway.entrypoints.web.start import start
from gateway.entrypoints.web.templating import Templates
from gateway.entrypoints.web.triggers import triggers
from gateway.entrypoints.web.versions import versions
from gateway.entrypoints.web.workflows import workflows
from gateway.identity.guard import Allow
from gateway.identity.principal import Principal, Right

STATIC = "/static"
nowhere = pages()


@nowhere.get("/{path:path}")
async def nothing_here(
    request: Request,
    site: Pages,  # noqa: ARG001 - the error page needs it to be there
    who: Annotated[Principal | None, Depends(Allow(Right.PUBLIC))],  # noqa: ARG001 - whoever asks
    path: str,
) -> Response:
    """Answer what nothing else answers: people get a page, programs a problem document."""
    if not path.endswith("/") and not path.startswith(("api/", "static/")):
        return RedirectResponse(request.url.replace(path=f"/{path}/"), status_code=307)
    if path.startswith("api/"):
        raise HTTPException(404)
    raise Missing("page", request.url.path)


ROUTERS = (overview, account, clusters, dags, endpoints, workflows, versions, start, triggers, bulk, runs, rules, channels, alerts, nowhere)


def install(app: FastAPI, ui_dir: Path, queries: PageQueries) -> None:
    """Put the pages and the built files into the app. Raises FrontEndNotBuiltError when the files are missing."""
    app.state.site = Site(Templates(ui_dir / "templates", Assets.load(ui_dir / "dist")), queries)
    app.mount(STATIC, StaticFiles(directory=ui_dir / "dist"), name="static")
    for router in ROUTERS:
        app.routes.extend(router.routes)  # as those of the API: each route is made once
