"""What every page route uses: rendering, notices, answers to forms, and errors as pages."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from gateway.application.definitions import Actor
from gateway.application.views.account import ErrorPage
from gateway.application.views.parts import Action, View
from gateway.application.views.queries import PageQueries
from gateway.application.views.shell import Notice, Person
from gateway.domain.problems import Missing
from gateway.entrypoints.application import Application, application_of
from gateway.entrypoints.problems import away, describe
from gateway.entrypoints.web.templating import Frame, Templates, UnknownPartError
from gateway.identity.guard import Allow, Identity
from gateway.identity.principal import Principal, Right, SignInNeeded
from shared.runtime.clock import now

NOTICE = "flowtower-notice"
_SERVICES_PART = "services"


class Site:
    """The pages of one gateway; stands at ``app.state.site``."""

    def __init__(self, templates: Templates, queries: PageQueries) -> None:
        self.templates = templates
        self.queries = queries

    async def page(self, request: Request, who: Principal, template: str, active: str, page: View | None, *, status: int = 200) -> Response:
        """Return a page, or with ``?part=`` one block of it. ``page=None``: there is nothing under this address."""
        if page is None:
            raise Missing("page", request.url.path)
        notice = _notice_of(request)
        context = {"shell": await self.queries.shell(person_of(who)), "active": active, "notice": notice, "page": page}
        response = self.render(request, template, context, status=status, part=request.query_params.get("part"))
        if notice is not None:
            response.delete_cookie(NOTICE, path="/")
        return response

    def gate(self, request: Request, template: str, page: View, *, status: int = 200) -> Response:
        """Return a page for somebody who is not signed in."""
        return self.render(request, template, {"page": page}, status=status)

    def render(
        self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200, part: str | None = None
    ) -> Response:
        """Fill a template, or one block of it."""
        identity: Identity = request.app.state.identity
        csrf, fresh = identity.form_token(request)
        nonce = getattr(request.state, "csp_nonce", "")
        frame = Frame(now=now(), csrf=csrf, nonce=nonce, path=request.url.path, seq=getattr(request.state, "live_seq", None))
        if part:
            source = "sidebar.html" if part == _SERVICES_PART else template
            html = self.templates.part(source, part, frame, context)
        else:
            html = self.templates.page(template, frame, context)
        response = HTMLResponse(html, status_code=status, headers={"Vary": "HX-Request, Cookie", "Cache-Control": "no-store"})
        if fresh is not None:
            identity.cookies.put(response, identity.cookies.form, fresh)
        return response


def site_of(request: Request) -> Site:
    """Return the site of a request."""
    found: Site = request.app.state.site
    return found


Pages = Annotated[Site, Depends(site_of)]
App = Annotated[Application, Depends(application_of)]
Viewer = Annotated[Principal, Depends(Allow(Right.VIEW))]
Operator = Annotated[Principal, Depends(Allow(Right.OPERATE))]
Administrator = Annotated[Principal, Depends(Allow(Right.ADMINISTER))]


def person_of(who: Principal) -> Person:
    """Return the signed-in person as pages show them."""
    return Person(id=who.user_id, name=who.name, email=who.email, role=who.role)


def actor_of(request: Request, who: Principal) -> Actor:
    """Return who asks, for the audit."""
    return Actor(who.name, via=who.via, request_id=getattr(request.state, "request_id", ""))


def path(*parts: str) -> str:
    """Return an address from parts, each encoded as a whole."""
    return "/" + "".join(f"{quote(part, safe='')}/" for part in parts)


def done(request: Request, url: str, said: str, tone: str = "ok") -> Response:
    """Answer a form that was taken. A script that stays on the page is told; everyone else goes to ``url`` (303)."""
    if request.headers.get("hx-request") == "true":
        here = request.headers.get("hx-current-url", "").split("?")[0].split("#")[0]
        if here.endswith(url.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0]) or not url:
            return Response(status_code=204, headers={"HX-Trigger": json.dumps({"flowtower:said": {"text": said, "tone": tone}})})
        return _with_notice(Response(status_code=204, headers={"HX-Redirect": url}), said, tone)
    return _with_notice(RedirectResponse(url or "/", status_code=303), said, tone)


def stay(request: Request, said: str, tone: str = "ok") -> Response:
    """Answer a form that was taken by the page on which it stands."""
    if request.headers.get("hx-request") == "true":
        return done(request, "", said, tone)
    return done(request, own_path(request.headers.get("referer", "")), said, tone)


def own_path(url: str) -> str:
    """Return the path of an address of ours; anything else becomes the overview, so that nobody is led away."""
    _, separator, rest = url.partition("://")
    rest = "/" + rest.partition("/")[2] if separator else url
    return rest if rest.startswith("/") and not rest.startswith(("//", "/\\")) and rest.isprintable() else "/"


def _with_notice(response: Response, said: str, tone: str) -> Response:
    if said:
        response.set_cookie(NOTICE, quote(f"{tone}:{said}"[:900], safe=""), path="/", max_age=30, httponly=True, samesite="lax")
    return response


def _notice_of(request: Request) -> Notice | None:
    tone, separator, text = unquote(request.cookies.get(NOTICE, "")).partition(":")
    if not separator or tone not in ("ok", "run", "retry", "bad", "unknown"):
        return None
    return Notice.model_validate({"tone": tone, "text": text})


async def form_of(request: Request) -> dict[str, str]:
    """Return the text fields of a form; a field that stands more than once (checkboxes) is joined with commas."""
    form: dict[str, str] = {}
    for key, value in (await request.form()).multi_items():
        if isinstance(value, str) and key != "csrf_token":
            form[key] = f"{form[key]},{value}" if key in form else value
    return form


class PageRoute(APIRoute):
    """A route whose errors are pages for people, or words for a script that stays on the page."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Wrap the handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            # Read before anything is asked: what changes while the page is made is then told by the socket.
            hub = getattr(request.app.state, "hub", None)
            request.state.live_seq = hub.seq if hub is not None else None
            try:
                return await inner(request)
            except Exception as error:
                from gateway.entrypoints.web.kept import sign_in_keeping  # noqa: PLC0415 - it renders by this module

                answer = await sign_in_keeping(request) if isinstance(error, SignInNeeded) else None
                answer = answer or error_page(request, error)
                if answer is None:
                    raise
                return answer

        return handle


def error_page(request: Request, error: Exception) -> Response | None:
    """Return the page of an error. None: a program asked, or it is a fault of ours, which is logged further out."""
    if request.headers.get("hx-request") != "true" and "text/html" not in request.headers.get("accept", ""):
        return None
    if isinstance(error, SignInNeeded):
        return _to_sign_in(request)
    if isinstance(error, UnknownPartError):
        return Response("There is no such part of this page.", status_code=404, media_type="text/plain")
    found = describe(request, error) or away(request, error)
    if found is None:
        return None
    body = json.loads(bytes(found.body))
    status, title, text = found.status_code, str(body["title"]), str(body["detail"])
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"HX-Trigger": json.dumps({"flowtower:said": {"text": text or title, "tone": "bad"}})})
    actions = [Action(label="Overview", url="/", method="get", look="primary")]
    back = own_path(request.headers.get("referer", ""))
    if back not in ("/", request.url.path):
        actions.append(Action(label="Back", url=back, method="get"))
    page = ErrorPage(status=status, title=title, text=text, request_id=getattr(request.state, "request_id", ""), actions=tuple(actions))
    return site_of(request).gate(request, "errors/page.html", page, status=status)


def _to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or wanted == "/":
        return RedirectResponse("/sign-in/", status_code=303)
    return RedirectResponse(f"/sign-in/?next={quote(wanted, safe='')}", status_code=303)


def pages(prefix: str = "") -> APIRouter:
    """Return a router of pages; they are no part of the API's description."""
    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)
