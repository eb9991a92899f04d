"""Pages and forms of endpoints."""

from fastapi import Request
from fastapi.responses import Response

from gateway.application.commands.endpoints import EndpointInput
from gateway.application.definitions import Definition, Kind
from gateway.application.ports.services import ServiceIsAway
from gateway.application.views.endpoints import ConfigField, EndpointFormPage
from gateway.application.views.parts import Choice, DeletePage, FieldProblem
from gateway.domain.problems import Missing
from gateway.entrypoints.application import Application
from gateway.entrypoints.web.fields import REFUSED, config_fields, config_values, etag_of, problems_of, secrets_of, status_of
from gateway.entrypoints.web.limits import limit_fields, limit_values
from gateway.entrypoints.web.site import Administrator, App, Pages, Viewer, actor_of, done, form_of, pages, path, person_of
from gateway.entrypoints.web.trials import answer_trial, endpoint_test, service_away, untested
from shared.contracts.kinds import ENDPOINT_KINDS

endpoints = pages("/endpoints")
_CHOICES = tuple(Choice(value=kind.name, label=kind.title) for kind in ENDPOINT_KINDS.values())


@endpoints.get("/")
async def list_endpoints(site: Pages, who: Viewer, request: Request) -> Response:
    page = await site.queries.endpoints(person_of(who), request.query_params)
    return await site.page(request, who, "endpoints/list.html", "endpoints", page)


@endpoints.get("/add/")
async def add_form(site: Pages, who: Administrator, request: Request, kind: str = "") -> Response:
    return await site.page(request, who, "endpoints/form.html", "endpoints", typed({"kind": kind}))


@endpoints.post("/add/")
async def add(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    form = await form_of(request)
    try:
        made = await app.endpoints.create(actor_of(request, who), given_endpoint(form))
    except REFUSED as error:
        return await site.page(request, who, "endpoints/form.html", "endpoints", typed(form, problems_of(error)), status=422)
    return done(request, path("endpoints", made.id), f"{made.name} is registered. Workflows can name it from now on.")


@endpoints.post("/test/")
async def test_new(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    return await _test(site, app, who, request, None)


@endpoints.get("/{endpoint_id}/")
async def show(site: Pages, who: Viewer, request: Request, endpoint_id: str) -> Response:
    page = await site.queries.endpoint(person_of(who), endpoint_id)
    return await site.page(request, who, "endpoints/detail.html", "endpoints", page)


@endpoints.get("/{endpoint_id}/edit/")
async def edit_form(site: Pages, app: App, who: Administrator, request: Request, endpoint_id: str) -> Response:
    return await site.page(request, who, "endpoints/form.html", "endpoints", stored(await _saved(app, endpoint_id)))


@endpoints.post("/{endpoint_id}/edit/")
async def edit(site: Pages, app: App, who: Administrator, request: Request, endpoint_id: str) -> Response:
    form = await form_of(request)
    try:
        made = await app.endpoints.replace(actor_of(request, who), endpoint_id, given_endpoint(form), if_match=etag_of(form))
    except REFUSED as error:
        page = typed(form, problems_of(error), await _saved(app, endpoint_id))
        return await site.page(request, who, "endpoints/form.html", "endpoints", page, status=status_of(error))
    return done(request, path("endpoints", endpoint_id), f"{made.name} is saved.")


@endpoints.post("/{endpoint_id}/test/")
async def test_saved(site: Pages, app: App, who: Administrator, request: Request, endpoint_id: str) -> Response:
    return await _test(site, app, who, request, endpoint_id)


@endpoints.get("/{endpoint_id}/delete/")
async def delete_form(site: Pages, app: App, who: Administrator, request: Request, endpoint_id: str) -> Response:
    return await site.page(request, who, "delete.html", "endpoints", _delete_page(await _saved(app, endpoint_id)))


@endpoints.post("/{endpoint_id}/delete/")
async def delete(site: Pages, app: App, who: Administrator, request: Request, endpoint_id: str) -> Response:
    try:
        gone = await app.endpoints.delete(actor_of(request, who), endpoint_id)
    except REFUSED as error:
        page = _delete_page(await _saved(app, endpoint_id), problems_of(error)[0].message)
        return await site.page(request, who, "delete.html", "endpoints", page, status=409)
    return done(request, "/endpoints/", f"{gone.name} is gone, with its credentials.")


def _delete_page(saved: Definition, why_not: str = "") -> DeletePage:
    return DeletePage(
        kind="endpoint",
        name=saved.name,
        delete_url=path("endpoints", saved.id, "delete"),
        back_url=path("endpoints", saved.id),
        goes=("Its address and its sealed credentials",),
        stays=("The system itself, and everything in it", "Runs that used it, with their outcomes"),
        refused=why_not,
    )


async def _saved(app: Application, endpoint_id: str) -> Definition:
    found = await app.reads.definition(Kind.ENDPOINT, endpoint_id)
    if found is None:
        raise Missing("endpoint", endpoint_id)
    return found


def given_endpoint(form: dict[str, str]) -> EndpointInput:
    """Return the endpoint that a form describes. Secrets that were left empty keep what is stored."""
    kind = ENDPOINT_KINDS.get(form.get("kind", ""))
    return EndpointInput.model_validate(
        {
            "name": form.get("name", ""),
            "kind": form.get("kind", ""),
            "options": config_values("options", kind.endpoint, form) if kind else {},
            "secrets": secrets_of(kind.secrets, form) if kind else None,
            "limits": limit_values(form),
        }
    )


def typed(form: dict[str, str], problems: tuple[FieldProblem, ...] = (), saved: Definition | None = None) -> EndpointFormPage:
    """Return the form as it was typed."""
    kind = ENDPOINT_KINDS.get(form.get("kind", ""))
    kept = _kept(saved)
    fields: tuple[ConfigField, ...] = ()
    if kind is not None:
        fields = config_fields("options", kind.endpoint, config_values("options", kind.endpoint, form) if len(form) > 1 else {})
        fields += config_fields("secrets", kind.secrets, {}, kept=kept)
    return EndpointFormPage(
        id=saved.id if saved else "",
        name=form.get("name", ""),
        kind=kind.name if kind else "",
        kinds=_CHOICES,
        fields=fields,
        limits=limit_fields(limit_values(form)),
        etag=form.get("etag", ""),
        problems=problems,
    )


def stored(saved: Definition) -> EndpointFormPage:
    """Return the form of a stored endpoint."""
    kind = ENDPOINT_KINDS[saved.body["kind"]]
    fields = config_fields("options", kind.endpoint, saved.body.get("options", {}))
    fields += config_fields("secrets", kind.secrets, {}, kept=_kept(saved))
    limits = limit_fields(saved.body.get("limits", {}))
    return EndpointFormPage(id=saved.id, name=saved.name, kind=kind.name, kinds=_CHOICES, fields=fields, limits=limits, etag=saved.etag)


def _kept(saved: Definition | None) -> frozenset[str]:
    return frozenset() if saved is None else frozenset(saved.body.get("secrets", ()))


async def _test(site: Pages, app: Application, who: Administrator, request: Request, endpoint_id: str | None) -> Response:
    form = await form_of(request)
    filled = "kind" in form
    saved = await _saved(app, endpoint_id) if endpoint_id else None
    try:
        test = endpoint_test(await app.tests.endpoint(given_endpoint(form) if filled else None, endpoint_id))
    except REFUSED as error:
        test = untested(problems_of(error))
    except ServiceIsAway as away:
        test = service_away(away.service, away.reason)
    page = stored(saved) if saved is not None and not filled else typed(form, (), saved)
    page = page.model_copy(update={"test": test})
    answer = answer_trial(site, request, "endpoints/form.html", page)
    return answer or await site.page(request, who, "endpoints/form.html", "endpoints", page)
