"""Pages of bulk retries."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response

from gateway.application.answers.bulk import BulkPreview, BulkVersion
from gateway.application.commands.bulk import BulkInput, BulkSelection
from gateway.application.queries.bulk_pages import selection_words
from gateway.application.queries.runs import wanted_of
from gateway.application.queries.version_pages import choices, compare_url
from gateway.application.queries.words import plural, took, with_query
from gateway.application.views.parts import Choice, Fact, FieldProblem
from gateway.application.views.retries import BulkAddPage, VersionStep
from gateway.entrypoints.application import Application
from gateway.entrypoints.web.fields import REFUSED, commas, problems_of
from gateway.entrypoints.web.runs import asked_of
from gateway.entrypoints.web.site import App, Operator, Pages, Viewer, actor_of, done, form_of, pages, path, person_of, stay

bulk = pages("/runs/bulk")
_FIELDS = ("workflow", "state", "trigger", "q", "since", "until", "run")
RATE = "5"
_CHANGES = {
    "pause": ("paused", "Paused. No more runs are asked."),
    "resume": ("running", "It goes on."),
    "cancel": ("cancelled", "Cancelled. No more runs are asked."),
}


@bulk.get("/")
async def list_bulks(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(request, who, "runs/bulk_list.html", "runs", await site.queries.bulks(person_of(who), request.query_params))


@bulk.get("/add/")
async def add_form(site: Pages, app: App, who: Operator, request: Request) -> Response:
    asked = asked_of(request)
    if asked.get("chosen") and not asked.get("run"):
        return stay(request, "Tick the runs first that shall run again; those that failed or are parked can be ticked.", "retry")
    return await site.page(request, who, "runs/bulk_add.html", "runs", await _add_page(app, asked))


@bulk.post("/add/")
async def add(site: Pages, app: App, who: Operator, request: Request) -> Response:
    form = await form_of(request)
    values = {"per_second": form.get("per_second") or RATE, "version": form.get("version") or None, "reason": form.get("reason", "")}
    try:
        given = BulkInput.model_validate({"selection": _selection(form), **values})
        bulk_id = await app.bulk.create(actor_of(request, who), given)
    except REFUSED as error:
        page = (await _add_page(app, form)).model_copy(update={"problems": problems_of(error), "reason": form.get("reason", "")})
        return await site.page(request, who, "runs/bulk_add.html", "runs", page, status=422)
    return done(request, path("runs", "bulk", bulk_id), "Asked for. The first runs are asked now.", "run")


@bulk.get("/{bulk_id}/")
async def show(site: Pages, who: Viewer, request: Request, bulk_id: str) -> Response:
    page = await site.queries.bulk(person_of(who), bulk_id, request.query_params)
    return await site.page(request, who, "runs/bulk.html", "runs", page)


@bulk.post("/{bulk_id}/retry-failures/")
async def retry_failures(app: App, who: Operator, request: Request, bulk_id: str) -> Response:
    try:
        again = await app.bulk.retry_failures(actor_of(request, who), bulk_id)
    except REFUSED as error:
        return stay(request, problems_of(error)[0].message, "retry")
    return done(request, path("runs", "bulk", again), "Asked for. The first runs are asked now.", "run")


@bulk.post("/{bulk_id}/{change}/")
async def change_it(app: App, who: Operator, request: Request, bulk_id: str, change: str) -> Response:
    if change not in _CHANGES:
        return stay(request, "This can't be asked of a bulk retry.", "bad")
    to, said = _CHANGES[change]
    try:
        await app.bulk.change(actor_of(request, who), bulk_id, to)
    except REFUSED as error:
        return stay(request, problems_of(error)[0].message, "retry")
    return stay(request, said, "run")


def _selection(form: Mapping[str, str]) -> BulkSelection:
    wanted = wanted_of(form)
    return BulkSelection(
        workflow=wanted.workflow,
        status=wanted.status,
        trigger=wanted.trigger,
        q=wanted.words,
        since=wanted.since,
        until=wanted.until,
        run_ids=commas(form.get("run", ""))[:1000],
    )


async def _add_page(app: Application, form: Mapping[str, str]) -> BulkAddPage:
    selection = _selection(form)
    rate = form.get("per_second") or RATE
    per_second = float(rate) if rate.replace(".", "", 1).isdecimal() and float(rate) > 0 else float(RATE)
    version, problems = form.get("version", ""), tuple[FieldProblem, ...]()
    try:
        wanted = int(version) if version.isdecimal() and len(version) < 9 else None
        found = await app.bulk.preview(selection, per_second, wanted)
    except REFUSED as error:
        version, problems = "", problems_of(error)
        found = await app.bulk.preview(selection, per_second)
    fields = {name: form.get(name, "") for name in _FIELDS}
    # A span that ends now would be another one when the form is sent; its beginning is fixed as the preview saw it.
    fields["since"] = selection.since.isoformat() if selection.since else ""
    words = selection_words(selection.model_dump(mode="json"))
    return BulkAddPage(
        sentence=f"{plural(found.total, 'run')} {'is' if found.total == 1 else 'are'} retried: {words}",
        total=found.total,
        capped=found.capped,
        by_workflow=tuple(Fact(label=name, value=f"{count:,}") for name, count in found.by_workflow.items()),
        by_failure=tuple(Fact(label=name, value=f"{count:,}") for name, count in found.by_failure.items()),
        excluded=tuple(f"{count:,} {reason}" for reason, count in found.excluded.items()),
        sample=tuple(
            Fact(label=item.workflow, value=f"{item.run_id[-12:]} · {item.failure_code or 'not told'}", url=path("runs", item.run_id))
            for item in found.sample
        ),
        fields=tuple((name, value) for name, value in fields.items() if value),
        per_second=rate,
        version=version,
        versions=await _versions(app, selection.workflow),
        differs=tuple(_step(found, item, version) for item in found.versions if str(item.version) != version),
        problems=problems,
        back_url=with_query("/runs/", **{name: form.get(name, "") for name in _FIELDS if name != "run"}),
        duration=took(found.seconds),
    )


async def _versions(app: Application, name: str) -> tuple[Choice, ...]:
    """Return the versions of the workflow that the selection names."""
    every = await app.reads.workflows() if name else []
    workflow = next((one for one, _ in every if name in (one.name, one.id)), None)
    return () if workflow is None else (Choice(value="", label="Each run its own"), *choices(workflow))


def _step(found: BulkPreview, item: BulkVersion, version: str) -> VersionStep:
    told = item.changes or ("What it changes is not known.",) if item.version is None else item.changes
    return VersionStep(
        title=f"{plural(item.runs, 'run')} of version {item.version or 'unknown'}",
        changes=(*told, *((f"And {item.more} more.",) if item.more else ())) or ("Nothing in what runs.",),
        url=compare_url(found.workflow_id, item.version, int(version)) if item.version else "",
    )
