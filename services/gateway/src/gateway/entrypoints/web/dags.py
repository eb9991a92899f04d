"""Pages of DAGs, their runs and logs, and what can be asked of them."""

import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import PlainTextResponse, Response

from gateway.application.commands.asking import CommandInput
from gateway.application.ports.work import Work
from gateway.application.views.dags import TaskAt
from gateway.entrypoints.web.fields import REFUSED, problems_of
from gateway.entrypoints.web.once import once
from gateway.entrypoints.web.site import App, Operator, Pages, Viewer, actor_of, form_of, pages, person_of, stay

dags = pages("/dags")


@dataclass(frozen=True)
class RunAt:
    """Which DAG run an address names."""

    cluster_id: str
    dag_id: str
    run_id: str


At = Annotated[RunAt, Depends(RunAt)]


@dags.get("/")
async def list_dags(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(request, who, "dags/list.html", "dags", await site.queries.dags(person_of(who), request.query_params))


@dags.get("/{cluster_id}/{dag_id}/")
async def show(site: Pages, who: Viewer, request: Request, cluster_id: str, dag_id: str) -> Response:
    page = await site.queries.dag(person_of(who), cluster_id, dag_id, request.query_params)
    return await site.page(request, who, "dags/detail.html", "dags", page)


@dags.get("/{cluster_id}/{dag_id}/runs/{run_id}/")
async def show_run(site: Pages, who: Viewer, request: Request, at: At) -> Response:
    page = await site.queries.dag_run(person_of(who), at.cluster_id, at.dag_id, at.run_id)
    return await site.page(request, who, "dags/run.html", "dags", page)


@dags.get("/{cluster_id}/{dag_id}/runs/{run_id}/tasks/{task_id}/log/")
async def show_log(site: Pages, who: Viewer, request: Request, at: At, task_id: str) -> Response:
    asked = request.query_params
    number = asked.get("try", "")
    index = asked.get("map_index", "-1")
    task = TaskAt(
        cluster_id=at.cluster_id,
        dag_id=at.dag_id,
        run_id=at.run_id,
        task_id=task_id,
        map_index=int(index) if index.removeprefix("-").isdigit() and len(index) < 9 else -1,
        try_number=int(number) if number.isdigit() and len(number) < 6 else None,
    )
    page = await site.queries.task_log(person_of(who), task)
    if page is not None and "download" in asked:
        name = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in f"{at.dag_id}.{task_id}.log")
        text = "\n".join(" ".join(part for part in (line.at, line.source, line.text) if part) for line in page.lines)
        # What is missing is said where somebody who reads the file looks for it: at its end.
        text += f"\n[{page.note}]\n" if page.note else "\n"
        return PlainTextResponse(text, headers={"Content-Disposition": f'attachment; filename="{name}"'})
    return await site.page(request, who, "dags/log.html", "dags", page)


@dags.post("/{cluster_id}/{dag_id}/pause/")
async def pause(app: App, who: Operator, request: Request, cluster_id: str, dag_id: str) -> Response:
    paused = (await form_of(request)).get("paused") == "true"
    given = CommandInput(action="pause" if paused else "unpause", dag_id=dag_id)
    await app.commands.ask(actor_of(request, who), cluster_id, given)
    said = f"Asked to {'pause' if paused else 'resume'} {dag_id}. The switch settles when Airflow confirms it."
    return stay(request, said, "run")


@dags.post("/{cluster_id}/{dag_id}/trigger/")
async def trigger(app: App, who: Operator, request: Request, cluster_id: str, dag_id: str) -> Response:
    form = await form_of(request)
    conf = json_object(form.get("conf", "").strip())
    if conf is None:
        return stay(request, "The configuration is not a JSON object. Nothing was started; write e.g. {“day”: “2026-11-22”}.", "bad")
    given = CommandInput(action="trigger", dag_id=dag_id, conf=conf)

    async def ask(work: Work | None) -> str:
        return (await app.commands.ask(actor_of(request, who), cluster_id, given, work=work)).command_id

    try:
        await once(app, who, request, form, ask)
    except REFUSED as error:
        return stay(request, " ".join(f"{item.message} {item.hint}" for item in problems_of(error)), "bad")
    return stay(request, f"Asked for a run of {dag_id}. It shows up here when Airflow has made it.", "run")


def json_object(text: str) -> dict[str, object] | None:
    """Return the JSON object of a text field; an empty field is an empty object, anything else is None."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
