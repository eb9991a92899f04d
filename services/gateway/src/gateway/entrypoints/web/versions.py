"""Pages of a workflow's versions: list, compare, download, publish again."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from gateway.application.queries.version_pages import compare_page, compare_url, versions_page
from gateway.domain.problems import InvalidDocument, Stale
from gateway.entrypoints.api.versions import all_versions, yaml_of
from gateway.entrypoints.web.site import Administrator, App, Pages, Viewer, actor_of, done, form_of, pages, path, stay

versions = pages("/workflows")

PER_PAGE = 30
Number = Annotated[int, Path(ge=1, le=2_000_000_000)]
Asked = Annotated[int, Query(ge=1, le=2_000_000_000)]


@versions.get("/{workflow_id}/versions/")
async def list_versions(site: Pages, app: App, who: Viewer, request: Request, workflow_id: str) -> Response:
    after = request.query_params.get("after", "")
    before = int(after) if after.isascii() and after.isdecimal() and len(after) < 10 else None
    workflow = await app.versions.workflow(workflow_id)
    found = await app.versions.listed(workflow_id, before=before, limit=PER_PAGE)
    page = versions_page(workflow, found, first=before is None)
    return await site.page(request, who, "workflows/versions.html", "workflows", page)


@versions.get("/{workflow_id}/versions/compare/")
async def choose(who: Viewer, workflow_id: str, before: Asked, after: Asked) -> Response:  # noqa: ARG001
    return RedirectResponse(compare_url(workflow_id, before, after), status_code=303)


@versions.get("/{workflow_id}/versions/{before}/compare/{after}/")
async def compare(site: Pages, app: App, who: Viewer, request: Request, workflow_id: str, before: Number, after: Number) -> Response:
    workflow = await app.versions.workflow(workflow_id)
    old, new = await app.versions.one(workflow_id, before), await app.versions.one(workflow_id, after)
    page = compare_page(workflow, old, new, await app.versions.compare(workflow_id, before, after))
    return await site.page(request, who, "workflows/compare.html", "workflows", page)


@versions.get("/{workflow_id}/versions.jsonl")
async def download_all(app: App, who: Viewer, workflow_id: str) -> Response:  # noqa: ARG001
    return await all_versions(app.versions, workflow_id)


@versions.get("/{workflow_id}/versions/{version}/workflow.yaml")
async def download(app: App, who: Viewer, workflow_id: str, version: Number) -> Response:  # noqa: ARG001
    return await yaml_of(app.versions, workflow_id, version)


@versions.post("/{workflow_id}/versions/{version}/publish/")
async def publish_again(app: App, who: Administrator, request: Request, workflow_id: str, version: Number) -> Response:
    etag = (await form_of(request)).get("etag") or None
    try:
        made, record = await app.workflows.again(actor_of(request, who), workflow_id, version, if_match=etag)
    except InvalidDocument as wrong:
        first = wrong.problems[0]
        return stay(request, f"Version {version} can't be published now. Line {first.line}: {first.message} {first.hint}", "bad")
    except Stale as stale:
        return stay(request, str(stale), "bad")
    if record.version == version:
        return stay(request, f"Version {version} is the newest already.", "run")
    return done(request, path("workflows", made.id), f"Version {record.version} of {made.name} is version {version} again.")
