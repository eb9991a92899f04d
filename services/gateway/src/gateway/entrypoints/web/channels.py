"""Pages and forms of channels: the ways to reach people."""

from fastapi import Request
from fastapi.responses import Response

from gateway.application.commands.alerting import ChannelInput
from gateway.application.definitions import Definition, Kind
from gateway.application.views.alerts import ChannelFormPage
from gateway.application.views.endpoints import ConfigField
from gateway.application.views.parts import Choice, DeletePage, FieldProblem
from gateway.domain.problems import Missing
from gateway.entrypoints.application import Application
from gateway.entrypoints.web.fields import REFUSED, config_fields, config_values, etag_of, problems_of, secrets_of, status_of
from gateway.entrypoints.web.site import Administrator, App, Pages, Viewer, actor_of, done, form_of, pages, path, person_of, stay
from shared.contracts.channels import CHANNEL_KINDS

channels = pages("/alerts/channels")
_CHOICES = tuple(Choice(value=kind.name, label=kind.title) for kind in CHANNEL_KINDS.values())


@channels.get("/")
async def list_channels(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(request, who, "alerts/channels.html", "alerts", await site.queries.channels(person_of(who)))


@channels.get("/add/")
async def add_form(site: Pages, who: Administrator, request: Request, kind: str = "") -> Response:
    return await site.page(request, who, "alerts/channel_form.html", "alerts", typed({"kind": kind}))


@channels.post("/add/")
async def add(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    form = await form_of(request)
    try:
        made = await app.channels.create(actor_of(request, who), given_channel(form))
    except REFUSED as error:
        return await site.page(request, who, "alerts/channel_form.html", "alerts", typed(form, problems_of(error)), status=422)
    return done(request, "/alerts/channels/", f"{made.name} is there. Send a test to see that it arrives.")


@channels.get("/{channel_id}/edit/")
async def edit_form(site: Pages, app: App, who: Administrator, request: Request, channel_id: str) -> Response:
    return await site.page(request, who, "alerts/channel_form.html", "alerts", stored(await _saved(app, channel_id)))


@channels.post("/{channel_id}/edit/")
async def edit(site: Pages, app: App, who: Administrator, request: Request, channel_id: str) -> Response:
    form = await form_of(request)
    try:
        made = await app.channels.replace(actor_of(request, who), channel_id, given_channel(form), if_match=etag_of(form))
    except REFUSED as error:
        page = typed(form, problems_of(error), await _saved(app, channel_id))
        return await site.page(request, who, "alerts/channel_form.html", "alerts", page, status=status_of(error))
    return done(request, "/alerts/channels/", f"{made.name} is saved.")


@channels.post("/{channel_id}/test/")
async def send_test(app: App, who: Administrator, request: Request, channel_id: str) -> Response:
    await app.alerter.test_channel(actor_of(request, who), channel_id)
    return stay(request, "A test message is on its way. Its receipt shows here when the channel has taken it.", "run")


@channels.get("/{channel_id}/delete/")
async def delete_form(site: Pages, app: App, who: Administrator, request: Request, channel_id: str) -> Response:
    saved = await _saved(app, channel_id)
    return await site.page(request, who, "delete.html", "alerts", _delete_page(saved))


@channels.post("/{channel_id}/delete/")
async def delete(site: Pages, app: App, who: Administrator, request: Request, channel_id: str) -> Response:
    try:
        gone = await app.channels.delete(actor_of(request, who), channel_id)
    except REFUSED as error:
        page = _delete_page(await _saved(app, channel_id), problems_of(error)[0].message)
        return await site.page(request, who, "delete.html", "alerts", page, status=409)
    return done(request, "/alerts/channels/", f"{gone.name} is gone.")


def _delete_page(saved: Definition, why_not: str = "") -> DeletePage:
    return DeletePage(
        kind="channel",
        name=saved.name,
        delete_url=path("alerts", "channels", saved.id, "delete"),
        back_url=path("alerts", "channels", saved.id, "edit"),
        goes=("Nobody is told through it any more", "Its sealed credentials"),
        stays=("Rules; those that told only it tell nobody", "Messages that were sent"),
        refused=why_not,
    )


async def _saved(app: Application, channel_id: str) -> Definition:
    found = await app.reads.definition(Kind.CHANNEL, channel_id)
    if found is None:
        raise Missing("channel", channel_id)
    return found


def given_channel(form: dict[str, str]) -> ChannelInput:
    """Return the channel that a form describes. Secrets that were left empty keep what is stored."""
    kind = CHANNEL_KINDS.get(form.get("kind", ""))
    return ChannelInput.model_validate(
        {
            "name": form.get("name", ""),
            "kind": form.get("kind", ""),
            "options": config_values("options", kind.options, form) if kind else {},
            "secrets": secrets_of(kind.secrets, form) if kind else None,
        }
    )


def typed(form: dict[str, str], problems: tuple[FieldProblem, ...] = (), saved: Definition | None = None) -> ChannelFormPage:
    """Return the form as it was typed."""
    kind = CHANNEL_KINDS.get(form.get("kind", ""))
    fields: tuple[ConfigField, ...] = ()
    if kind is not None:
        fields = config_fields("options", kind.options, config_values("options", kind.options, form) if len(form) > 1 else {})
        fields += config_fields("secrets", kind.secrets, {}, kept=frozenset(saved.body.get("secrets", ()) if saved else ()))
    return ChannelFormPage(
        id=saved.id if saved else "",
        name=form.get("name", ""),
        kind=kind.name if kind else "",
        kinds=_CHOICES,
        fields=fields,
        etag=form.get("etag", ""),
        problems=problems,
    )


def stored(saved: Definition) -> ChannelFormPage:
    """Return the form of a stored channel."""
    kind = CHANNEL_KINDS[saved.body["kind"]]
    fields = config_fields("options", kind.options, saved.body.get("options", {}))
    fields += config_fields("secrets", kind.secrets, {}, kept=frozenset(saved.body.get("secrets", ())))
    return ChannelFormPage(id=saved.id, name=saved.name, kind=kind.name, kinds=_CHOICES, fields=fields, etag=saved.etag)
