"""Pages and forms of alert rules."""

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from gateway.application.commands.alerting import RuleInput
from gateway.application.definitions import Definition, Kind
from gateway.application.views.alerts import RuleFormPage
from gateway.application.views.parts import Choice, DeletePage, Fact, FieldProblem
from gateway.domain.problems import Missing
from gateway.entrypoints.application import Application
from gateway.entrypoints.web.fields import REFUSED, checked, commas, etag_of, problems_of, shown, status_of
from gateway.entrypoints.web.site import Administrator, App, Pages, Viewer, actor_of, done, form_of, pages, path, person_of
from shared.contracts.alerts import RuleSubject

rules = pages("/alerts/rules")

_SUBJECTS = {
    RuleSubject.CLUSTER: "Clusters",
    RuleSubject.DAG_RUN: "DAG runs",
    RuleSubject.WORKFLOW_RUN: "Workflow runs",
    RuleSubject.SAMPLE: "Samples that programs send",
}


@rules.get("/")
async def list_rules(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(request, who, "alerts/rules.html", "alerts", await site.queries.rules(person_of(who)))


@rules.get("/add/")
async def add_form(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    return await _form(site, app, who, request, RuleFormPage())


@rules.post("/add/")
async def add(site: Pages, app: App, who: Administrator, request: Request) -> Response:
    form = await form_of(request)
    try:
        made = await app.rules.create(actor_of(request, who), given_rule(form))
    except REFUSED as error:
        return await _form(site, app, who, request, typed(form, problems_of(error)), status=422)
    return done(request, path("alerts", "rules", made.id), f"“{made.name}” is watched from now on.")


@rules.get("/{rule_id}/")
async def show(site: Pages, who: Viewer, request: Request, rule_id: str) -> Response:
    return await site.page(request, who, "alerts/rule.html", "alerts", await site.queries.rule(person_of(who), rule_id))


@rules.get("/{rule_id}/edit/")
async def edit_form(site: Pages, app: App, who: Administrator, request: Request, rule_id: str) -> Response:
    return await _form(site, app, who, request, stored(await _saved(app, rule_id)))


@rules.post("/{rule_id}/edit/")
async def edit(site: Pages, app: App, who: Administrator, request: Request, rule_id: str) -> Response:
    form = await form_of(request)
    saved = await _saved(app, rule_id)
    try:
        given = given_rule(form, labels=saved.body.get("labels", {}))
        made = await app.rules.replace(actor_of(request, who), rule_id, given, if_match=etag_of(form))
    except REFUSED as error:
        return await _form(
            site, app, who, request, typed(form, problems_of(error)).model_copy(update={"id": rule_id}), status=status_of(error)
        )
    return done(request, path("alerts", "rules", rule_id), f"“{made.name}” is saved.")


@rules.get("/{rule_id}/delete/")
async def delete_form(site: Pages, app: App, who: Administrator, request: Request, rule_id: str) -> Response:
    saved = await _saved(app, rule_id)
    page = DeletePage(
        kind="rule",
        name=saved.name,
        delete_url=path("alerts", "rules", rule_id, "delete"),
        back_url=path("alerts", "rules", rule_id),
        goes=("What it watches is watched no more", "Its open incidents are resolved, and people are told so"),
        stays=("Channels, and incidents of the past",),
    )
    return await site.page(request, who, "delete.html", "alerts", page)


@rules.post("/{rule_id}/delete/")
async def delete(app: App, who: Administrator, request: Request, rule_id: str) -> Response:
    gone = await app.rules.delete(actor_of(request, who), rule_id)
    return done(request, "/alerts/rules/", f"“{gone.name}” is gone.")


async def _saved(app: Application, rule_id: str) -> Definition:
    found = await app.reads.definition(Kind.RULE, rule_id)
    if found is None:
        raise Missing("rule", rule_id)
    return found


def given_rule(form: dict[str, str], labels: dict[str, Any] | None = None) -> RuleInput:
    """Return the rule that a form describes. Labels have no field: those of a stored rule are kept."""
    return RuleInput.model_validate(
        {
            **shown(form, ("name", "subject", "expression", "severity", "summary")),
            "hold": form.get("hold", "").strip() or "0s",
            "channels": commas(form.get("channels", "")),
            "enabled": checked(form, "enabled"),
            "labels": labels or {},
        }
    )


def typed(form: dict[str, str], problems: tuple[FieldProblem, ...]) -> RuleFormPage:
    """Return the form as it was typed."""
    fields = ("name", "subject", "expression", "hold", "severity", "summary", "etag")
    return RuleFormPage(**shown(form, fields), chosen=commas(form.get("channels", "")), enabled=checked(form, "enabled"), problems=problems)


def stored(saved: Definition) -> RuleFormPage:
    """Return the form of a stored rule."""
    body = saved.body
    return RuleFormPage(
        id=saved.id,
        name=saved.name,
        subject=body["subject"],
        expression=body["expression"],
        hold=f"{float(body.get('hold', 0)):g}s",
        severity=body["severity"],
        chosen=tuple(body.get("channels", ())),
        summary=body.get("summary", ""),
        enabled=body.get("enabled", True),
        etag=saved.etag,
    )


_EXAMPLES = (
    Fact(label="Clusters: the scheduler is silent for 30 s", value="scheduler.heartbeat_age > 30.0"),
    Fact(label="DAG runs: a run failed", value='state == "failed"'),
    Fact(label="Workflow runs: a run failed", value='status == "failed"'),
)


async def _form(site: Pages, app: Application, who: Administrator, request: Request, page: RuleFormPage, *, status: int = 200) -> Response:
    channels = tuple(
        Choice(value=item.id, label=f"{item.name} ({item.body['kind']})") for item in await app.reads.definitions(Kind.CHANNEL)
    )
    subjects = tuple(Choice(value=subject.value, label=label) for subject, label in _SUBJECTS.items())
    page = page.model_copy(update={"channels": channels, "subjects": subjects, "examples": _EXAMPLES})
    return await site.page(request, who, "alerts/rule_form.html", "alerts", page, status=status)
