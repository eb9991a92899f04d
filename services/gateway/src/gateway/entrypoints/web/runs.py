"""Pages of runs, and what can be asked of one."""

from collections.abc import Awaitable, Callable
from json import JSONDecodeError

from fastapi import Request
from fastapi.responses import Response

from gateway.application.commands.retries import RetryInput
from gateway.application.views.parts import FieldProblem
from gateway.domain.problems import Invalid
from gateway.entrypoints.api.strict import parse
from gateway.entrypoints.web.fields import REFUSED, problems_of
from gateway.entrypoints.web.site import App, Operator, Pages, Viewer, actor_of, done, form_of, pages, path, person_of, stay

runs = pages("/runs")


@runs.get("/")
async def list_runs(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(request, who, "runs/list.html", "runs", await site.queries.runs(person_of(who), asked_of(request)))


@runs.get("/compare/")
async def compare(site: Pages, who: Viewer, request: Request) -> Response:
    page = await site.queries.compare(person_of(who), asked_of(request))
    return await site.page(request, who, "runs/compare.html", "runs", page)


@runs.get("/{run_id}/")
async def show(site: Pages, who: Viewer, request: Request, run_id: str) -> Response:
    return await site.page(request, who, "runs/page.html", "runs", await site.queries.run(person_of(who), run_id, request.query_params))


@runs.post("/{run_id}/cancel/")
async def cancel(app: App, who: Operator, request: Request, run_id: str) -> Response:
    reason = (await form_of(request)).get("reason", "")[:1000]
    said = "Asked to cancel. What comes of it shows here."
    return await _asked(request, lambda: app.runs.cancel(actor_of(request, who), run_id, reason=reason), said)


@runs.post("/{run_id}/pause/")
async def pause(app: App, who: Operator, request: Request, run_id: str) -> Response:
    reason = (await form_of(request)).get("reason", "")[:1000]
    said = "Asked to pause. What is under way ends; nothing more starts."
    return await _asked(request, lambda: app.runs.pause(actor_of(request, who), run_id, reason=reason), said)


@runs.post("/{run_id}/resume/")
async def resume(app: App, who: Operator, request: Request, run_id: str) -> Response:
    return await _asked(request, lambda: app.runs.resume(actor_of(request, who), run_id), "Asked to go on.")


@runs.post("/{run_id}/retry-now/")
async def retry_now(app: App, who: Operator, request: Request, run_id: str) -> Response:
    component = (await form_of(request)).get("component", "")
    said = f"Asked to try {component} at once."
    return await _asked(request, lambda: app.runs.retry_now(actor_of(request, who), run_id, component), said)


@runs.get("/{run_id}/retry/")
async def retry_form(site: Pages, who: Viewer, request: Request, run_id: str) -> Response:
    page = await site.queries.retry_menu(person_of(who), run_id, asked_of(request))
    return await site.page(request, who, "runs/retry.html", "runs", page)


@runs.post("/{run_id}/retry/")
async def retry(site: Pages, app: App, who: Operator, request: Request, run_id: str) -> Response:
    form = await form_of(request)
    problems = await _retry(app, who, request, run_id, form)
    if "menu" not in form:
        if problems:
            return stay(request, _sentences(problems), "retry")
        said = f"Asked to run {form.get('component') or 'what failed'} again. Everything else stays as it is."
        return stay(request, said, "run")
    if not problems:
        return done(request, path("runs", run_id), "Asked to run it again. What comes of it shows here.", "run")
    page = await site.queries.retry_menu(person_of(who), run_id, form)
    if page is not None:
        typed = {"problems": problems, "typed": form.get("inputs", ""), "reason": form.get("reason", "")}
        page = page.model_copy(update=typed)
    return await site.page(request, who, "runs/retry.html", "runs", page, status=422)


async def _retry(app: App, who: Operator, request: Request, run_id: str, form: dict[str, str]) -> tuple[FieldProblem, ...]:
    """Ask for the retry; return what is wrong with the form, nothing when it was asked."""
    component, scope, typed = form.get("component", ""), form.get("scope", "only"), form.get("inputs", "").strip()
    try:
        inputs = parse(typed.encode()) if typed else None
    except Invalid as wrong:
        return tuple(FieldProblem(field="inputs", message=_at(item.field, item.message), hint=item.hint) for item in wrong.problems)
    except JSONDecodeError:
        inputs = typed
    if not isinstance(inputs, dict | None):
        return (FieldProblem(field="inputs", message="This is not a JSON object.", hint="Write e.g. {“day”: “2026-11-22”}."),)
    seen = form.get("expected_seq", "")
    values = {
        "components": (component,) if component and scope != "failed" else (),
        "scope": "only" if scope == "component" else scope,
        "until": form.get("until") or None,
        "version": form.get("version") or None,
        "inputs": inputs,
        "expected_seq": None if seen in ("", "0") else seen,
        "reason": form.get("reason", ""),
    }
    try:
        await app.retries.retry(actor_of(request, who), run_id, RetryInput.model_validate(values))
    except REFUSED as error:
        return problems_of(error)
    return ()


def _at(place: str, message: str) -> str:
    return f"{place}: {message}" if place else message


async def _asked(request: Request, ask: Callable[[], Awaitable[None]], said: str) -> Response:
    try:
        await ask()
    except REFUSED as error:
        return stay(request, _sentences(problems_of(error)), "retry")
    return stay(request, said, "run")


def _sentences(problems: tuple[FieldProblem, ...]) -> str:
    return " ".join(f"{item.message} {item.hint}".strip() for item in problems)


def asked_of(request: Request) -> dict[str, str]:
    """Return the query; a field that stands more than once (checkboxes) is joined with commas."""
    asked: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        asked[key] = f"{asked[key]},{value}" if asked.get(key) else value
    return asked
