"""Pages of workflows, the editor with its validation as you type, and starting a run."""

import asyncio

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from gateway.application.queries.version_pages import theirs
from gateway.application.views.flow import FlowEdge, FlowGraph, FlowNode
from gateway.application.views.parts import DeletePage
from gateway.application.views.workflows import Diagnostic, Validation, WorkflowEditorPage
from gateway.domain.problems import InvalidDocument, Missing, Stale
from gateway.domain.text_diff import diff
from gateway.domain.workflow_yaml import Reading
from gateway.entrypoints.application import Application
from gateway.entrypoints.web.fields import REFUSED, etag_of, problems_of, status_of
from gateway.entrypoints.web.site import Administrator, App, Pages, Viewer, actor_of, done, form_of, pages, path, person_of

workflows = pages("/workflows")

STARTER = """workflow: my-workflow
description: Says in one line what it is for
components:
  Source: {kind: kafka, endpoint: , topic: orders}
  Target: {kind: mq, endpoint: , queue: orders, retry: {strategy: exponential, first: 1s, factor: 2, most: 30s, attempts: 5}}
connections:
  - {from: Source, to: Target, kind: kafka-to-mq}
"""


@workflows.get("/")
async def list_workflows(site: Pages, who: Viewer, request: Request) -> Response:
    page = await site.queries.workflows(person_of(who), request.query_params)
    return await site.page(request, who, "workflows/list.html", "workflows", page)


@workflows.get("/add/")
async def add_form(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    return await _editor(site, app, who, request, WorkflowEditorPage(yaml=STARTER))


@workflows.post("/add/")
async def add(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    return await _publish(site, app, who, request, WorkflowEditorPage())


@workflows.post("/validate/", response_class=JSONResponse)
async def validate(app: App, who: Viewer, request: Request) -> Response:  # noqa: ARG001
    text = (await request.body()).decode("utf-8", "replace")
    found = validation(await app.workflows.check(text))
    return JSONResponse({"valid": found.valid, **found.model_dump(mode="json")})


@workflows.get("/{workflow_id}/")
async def show(site: Pages, who: Viewer, request: Request, workflow_id: str) -> Response:
    page = await site.queries.workflow(person_of(who), workflow_id, request.query_params)
    return await site.page(request, who, "workflows/detail.html", "workflows", page)


@workflows.get("/{workflow_id}/edit/")
async def edit_form(site: Pages, app: App, who: Administrator, request: Request, workflow_id: str) -> Response:
    return await _editor(site, app, who, request, await _stored(app, workflow_id))


@workflows.post("/{workflow_id}/edit/")
async def edit(site: Pages, app: App, who: Administrator, request: Request, workflow_id: str) -> Response:
    return await _publish(site, app, who, request, await _stored(app, workflow_id))


@workflows.get("/{workflow_id}/delete/")
async def delete_form(site: Pages, app: App, who: Administrator, request: Request, workflow_id: str) -> Response:
    saved = await _stored(app, workflow_id)
    page = DeletePage(
        kind="workflow",
        name=saved.name,
        delete_url=path("workflows", workflow_id, "delete"),
        back_url=path("workflows", workflow_id),
        goes=("It cannot be started any more, by nobody and no message",),
        stays=("Runs under way, which go on to their end", "Its versions and all of its runs, which can still be read"),
    )
    return await site.page(request, who, "delete.html", "workflows", page)


@workflows.post("/{workflow_id}/delete/")
async def delete(app: App, who: Administrator, request: Request, workflow_id: str) -> Response:
    gone = await app.workflows.delete(actor_of(request, who), workflow_id)
    return done(request, "/workflows/", f"{gone.name} starts no new run any more. Its runs can still be read.")


def validation(reading: Reading) -> Validation:
    """Return what a text says, for the editor."""
    findings = tuple(
        Diagnostic(line=max(item.line, 1), column=max(item.column, 1), path=item.path, message=item.message, hint=item.hint)
        for item in reading.problems
    )
    graph = FlowGraph(
        nodes=tuple(
            FlowNode(id=item.name, kind=item.kind, endpoint=" · ".join(part for part in (item.kind, item.endpoint or "") if part))
            for item in reading.components
        ),
        edges=tuple(
            FlowEdge(id=f"{item.source}→{item.target}", source=item.source, target=item.target, kind=item.kind, label=item.kind)
            for item in reading.connections
            if {item.source, item.target} <= {component.name for component in reading.components}
        ),
    )
    count = len(findings)
    summary = f"{count} finding{'s' if count > 1 else ''}" if count else f"Valid: {len(graph.nodes)} components"
    return Validation(diagnostics=findings, graph=graph if graph.nodes else None, summary=summary)


async def _editor(
    site: Pages, app: Application, who: Administrator, request: Request, page: WorkflowEditorPage, *, status: int = 200
) -> Response:
    from gateway.application.definitions import Kind  # noqa: PLC0415 - the name Kind means something else in the views above

    names = tuple(item.name for item in await app.reads.definitions(Kind.ENDPOINT))
    found = validation(await app.workflows.check(page.yaml))
    page = page.model_copy(update={"endpoints": names, "validation": found})
    return await site.page(request, who, "workflows/editor.html", "workflows", page, status=status)


async def _publish(site: Pages, app: Application, who: Administrator, request: Request, page: WorkflowEditorPage) -> Response:
    form = await form_of(request)
    # Browsers send line ends as CRLF; the text is kept with the ends that it was written with.
    text = form.get("yaml", "").replace("\r\n", "\n")
    try:
        if_match = etag_of(form)
        made, version = await app.workflows.publish(
            actor_of(request, who), text, workflow_id=page.id or None, if_match=if_match, note=form.get("note", "").strip()
        )
    except (InvalidDocument, *REFUSED) as error:
        typed = page.model_copy(
            update={"yaml": text, "etag": form.get("etag", ""), "note": form.get("note", ""), "problems": problems_of(error)}
        )
        latest = await app.reads.version(page.id, page.version) if isinstance(error, Stale) and page.version else None
        if latest is not None:
            typed = typed.model_copy(update={"theirs": theirs(latest, await asyncio.to_thread(diff, latest.yaml, text))})
        return await _editor(site, app, who, request, typed, status=status_of(error))
    return done(request, path("workflows", made.id), f"Version {version.version} of {made.name} is published.")


async def _stored(app: Application, workflow_id: str) -> WorkflowEditorPage:
    workflow = await app.reads.workflow(workflow_id)
    latest = None if workflow is None else await app.reads.version(workflow_id, workflow.latest)
    if workflow is None or latest is None:
        raise Missing("workflow", workflow_id)
    return WorkflowEditorPage(id=workflow.id, name=workflow.name, yaml=latest.yaml, version=workflow.latest, etag=workflow.etag)
