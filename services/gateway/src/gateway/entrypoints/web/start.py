"""Starting a run: the form with the inputs that a version declares, in the workflow's page and on a page of its own."""

from typing import Any, Literal

from fastapi import Request
from fastapi.responses import Response

from gateway.application.commands.runs import StartInput
from gateway.application.definitions import VersionRecord, WorkflowRecord
from gateway.application.ports.work import Work
from gateway.application.queries.start import given_inputs, start_form
from gateway.application.views.parts import FieldProblem
from gateway.application.views.workflows import StartPage
from gateway.domain.problems import Conflict
from gateway.entrypoints.application import Application
from gateway.entrypoints.web.dags import json_object
from gateway.entrypoints.web.fields import REFUSED, problems_of
from gateway.entrypoints.web.once import once
from gateway.entrypoints.web.site import App, Operator, Pages, Viewer, actor_of, done, form_of, pages, path, stay

start = pages("/workflows")

FORM = "start-form"


@start.get("/{workflow_id}/start/")
async def form(site: Pages, app: App, who: Viewer, request: Request, workflow_id: str) -> Response:
    workflow, version = await _chosen(app, workflow_id, request.query_params.get("version", ""))
    page = StartPage(start=start_form(workflow, version, refused=_refused(workflow)))
    return await site.page(request, who, "workflows/start.html", "workflows", page)


@start.post("/{workflow_id}/start/")
async def begin(site: Pages, app: App, who: Operator, request: Request, workflow_id: str) -> Response:
    typed = await form_of(request)
    workflow, version = await _chosen(app, workflow_id, typed.get("version", ""))
    inputs, problems = _inputs(version, typed)
    if not problems:
        number: int | Literal["latest"] = version.version if typed.get("version") else "latest"
        given = StartInput(workflow=workflow_id, version=number, inputs=inputs)

        async def ask(work: Work | None) -> str:
            return await app.runs.start(actor_of(request, who), given, work=work)

        try:
            run_id = await once(app, who, request, typed, ask)
        except REFUSED as error:
            problems = problems_of(error)
        else:
            return done(request, path("runs", run_id), "Asked for. The executor begins it in a moment.", "run")
    if request.headers.get("hx-request") == "true" and request.headers.get("hx-target") != FORM:
        return stay(request, " ".join(f"{item.message} {item.hint}" for item in problems), "bad")
    page = StartPage(start=start_form(workflow, version, typed=typed, problems=problems, refused=_refused(workflow)))
    if request.headers.get("hx-request") == "true":
        return site.render(request, "workflows/start.html", {"page": page}, status=422, part="start_form")
    return await site.page(request, who, "workflows/start.html", "workflows", page, status=422)


def _inputs(version: VersionRecord, typed: dict[str, str]) -> tuple[dict[str, Any], tuple[FieldProblem, ...]]:
    declared = version.definition.get("inputs") or {}
    if declared:
        return given_inputs(declared, typed)
    found = json_object(typed.get("inputs", "").strip())
    if found is None:
        message = "The inputs are not a JSON object. Nothing was started."
        return {}, (FieldProblem(field="inputs", message=message, hint="Write e.g. {“day”: “2026-11-22”}."),)
    return found, ()


async def _chosen(app: Application, workflow_id: str, version: str) -> tuple[WorkflowRecord, VersionRecord]:
    workflow = await app.versions.workflow(workflow_id)
    number = int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else workflow.latest
    return workflow, await app.versions.one(workflow_id, number)


def _refused(workflow: WorkflowRecord) -> str:
    return str(Conflict(f"The workflow '{workflow.name}' was deleted: no new run starts.")) if workflow.retired else ""
