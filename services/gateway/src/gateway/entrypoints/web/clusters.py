"""Pages and forms of the Airflow clusters."""

from fastapi import Request
from fastapi.responses import Response

from gateway.application.commands.asking import CommandInput
from gateway.application.commands.clusters import ClusterInput
from gateway.application.definitions import Definition, Kind
from gateway.application.ports.services import ServiceIsAway
from gateway.application.views.clusters import ClusterFormPage
from gateway.application.views.parts import DeletePage, FieldProblem
from gateway.domain.problems import Missing
from gateway.entrypoints.application import Application
from gateway.entrypoints.web.fields import (
    REFUSED,
    checked,
    commas,
    etag_of,
    problems_of,
    secret_of,
    shown,
    status_of,
)
from gateway.entrypoints.web.site import Administrator, App, Operator, Pages, Viewer, actor_of, done, form_of, pages, path, person_of
from gateway.entrypoints.web.trials import answer_trial, cluster_test, service_away, untested

clusters = pages("/clusters")


@clusters.get("/")
async def list_clusters(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(
        request, who, "clusters/list.html", "clusters", await site.queries.clusters(person_of(who), request.query_params)
    )


@clusters.get("/add/")
async def add_form(site: Pages, who: Administrator, request: Request) -> Response:
    return await site.page(request, who, "clusters/form.html", "clusters", ClusterFormPage())


@clusters.post("/add/")
async def add(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    form = await form_of(request)
    try:
        made = await app.clusters.create(actor_of(request, who), given_cluster(form))
    except REFUSED as error:
        return await site.page(request, who, "clusters/form.html", "clusters", typed(form, problems_of(error)), status=422)
    return done(request, path("clusters", made.id), f"{made.name} is registered. Its health shows up within seconds.")


@clusters.post("/test/")
async def test_new(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    return await _test(site, app, who, request, None)


@clusters.get("/{cluster_id}/")
async def show(site: Pages, who: Viewer, request: Request, cluster_id: str) -> Response:
    return await site.page(request, who, "clusters/detail.html", "clusters", await site.queries.cluster(person_of(who), cluster_id))


@clusters.get("/{cluster_id}/edit/")
async def edit_form(site: Pages, app: App, who: Administrator, request: Request, cluster_id: str) -> Response:
    return await site.page(request, who, "clusters/form.html", "clusters", stored(await _saved(app, cluster_id)))


@clusters.post("/{cluster_id}/edit/")
async def edit(site: Pages, app: App, who: Administrator, request: Request, cluster_id: str) -> Response:
    form = await form_of(request)
    try:
        made = await app.clusters.replace(actor_of(request, who), cluster_id, given_cluster(form), if_match=etag_of(form))
    except REFUSED as error:
        saved = await _saved(app, cluster_id)
        page = typed(form, problems_of(error)).model_copy(update={"id": cluster_id, "secret_kept": saved.sealed_secret is not None})
        return await site.page(request, who, "clusters/form.html", "clusters", page, status=status_of(error))
    return done(request, path("clusters", cluster_id), f"{made.name} is saved.")


@clusters.post("/{cluster_id}/test/")
async def test_saved(site: Pages, app: App, who: Administrator, request: Request, cluster_id: str) -> Response:
    return await _test(site, app, who, request, cluster_id)


@clusters.post("/{cluster_id}/poll/")
async def poll(app: App, who: Operator, request: Request, cluster_id: str) -> Response:
    await app.commands.ask(actor_of(request, who), cluster_id, CommandInput(action="poll"))
    return done(request, path("clusters", cluster_id), "Asked to be read now.")


@clusters.get("/{cluster_id}/delete/")
async def delete_form(site: Pages, app: App, who: Administrator, request: Request, cluster_id: str) -> Response:
    return await site.page(request, who, "delete.html", "clusters", _delete_page(await _saved(app, cluster_id)))


@clusters.post("/{cluster_id}/delete/")
async def delete(site: Pages, app: App, who: Administrator, request: Request, cluster_id: str) -> Response:
    try:
        gone = await app.clusters.delete(actor_of(request, who), cluster_id)
    except REFUSED as error:
        page = _delete_page(await _saved(app, cluster_id), problems_of(error)[0].message)
        return await site.page(request, who, "delete.html", "clusters", page, status=409)
    return done(request, "/clusters/", f"{gone.name} is not watched any more. The Airflow itself was not touched.")


def _delete_page(saved: Definition, why_not: str = "") -> DeletePage:
    return DeletePage(
        kind="cluster",
        name=saved.name,
        delete_url=path("clusters", saved.id, "delete"),
        back_url=path("clusters", saved.id),
        goes=("What Flowtower has observed of it: health, DAGs and their runs", "Its sealed credentials"),
        stays=("The Airflow itself, with all its DAGs and runs", "Rules; they find nothing to watch on it any more"),
        refused=why_not,
    )


async def _saved(app: Application, cluster_id: str) -> Definition:
    found = await app.reads.definition(Kind.CLUSTER, cluster_id)
    if found is None:
        raise Missing("cluster", cluster_id)
    return found


def given_cluster(form: dict[str, str]) -> ClusterInput:
    """Return the cluster that a form describes. An empty secret keeps the stored one. Raises ValidationError."""
    return ClusterInput.model_validate(
        {
            "name": form.get("name", ""),
            "base_url": form.get("base_url", "").strip(),
            "environment": form.get("environment", ""),
            "tags": commas(form.get("tags", "")),
            "sign_in": form.get("sign_in", "password"),
            "username": form.get("username", ""),
            "secret": secret_of(form, "secret"),
            "verify_tls": checked(form, "verify_tls"),
            "ca_pem": form.get("ca_pem", "").strip() or None,
            "poll_seconds": form.get("poll_seconds", "5"),
        }
    )


def typed(form: dict[str, str], problems: tuple[FieldProblem, ...] = ()) -> ClusterFormPage:
    """Return the form as it was typed, with what is wrong; the secret is not sent back."""
    fields = ("name", "base_url", "environment", "sign_in", "username", "ca_pem", "tags", "poll_seconds", "etag")
    return ClusterFormPage(**shown(form, fields), verify_tls=checked(form, "verify_tls"), problems=problems)


def stored(saved: Definition) -> ClusterFormPage:
    """Return the form of a stored cluster."""
    body = saved.body
    return ClusterFormPage(
        id=saved.id,
        name=saved.name,
        base_url=body["base_url"],
        environment=body.get("environment", ""),
        sign_in=body.get("sign_in", "password"),
        username=body.get("username", ""),
        secret_kept=saved.sealed_secret is not None,
        verify_tls=body.get("verify_tls", True),
        ca_pem=body.get("ca_pem") or "",
        tags=", ".join(body.get("tags", ())),
        poll_seconds=f"{body.get('poll_seconds', 5):g}",
        etag=saved.etag,
    )


async def _test(site: Pages, app: Application, who: Administrator, request: Request, cluster_id: str | None) -> Response:
    form = await form_of(request)
    filled = "base_url" in form
    try:
        test = cluster_test(await app.tests.cluster(given_cluster(form) if filled else None, cluster_id))
    except REFUSED as error:
        test = untested(problems_of(error))
    except ServiceIsAway as away:
        test = service_away(away.service, away.reason)
    page = typed(form).model_copy(update={"id": cluster_id or ""}) if filled else stored(await _saved(app, cluster_id or ""))
    page = page.model_copy(update={"test": test})
    answer = answer_trial(site, request, "clusters/form.html", page)
    return answer or await site.page(request, who, "clusters/form.html", "clusters", page)
