"""Signing in and out, the first set-up, and the own account."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from gateway.application.views.account import AccountPage, ResetPage, SessionRow, SetupPage, SignInPage, TokenRow
from gateway.application.views.parts import Action, FieldProblem
from gateway.domain.problems import Invalid
from gateway.entrypoints.web.devices import device_of
from gateway.entrypoints.web.fields import problems_of
from gateway.entrypoints.web.kept import send_again
from gateway.entrypoints.web.site import Pages, Viewer, done, form_of, own_path, pages, path
from gateway.identity.guard import Allow, Identity
from gateway.identity.people import SetupRefused, SignedIn, Throttled, WrongCredentials
from gateway.identity.principal import Principal, Right
from gateway.identity.recovery import LinkRefused

account = pages()

Anyone = Annotated[Principal | None, Depends(Allow(Right.PUBLIC))]


def _identity(request: Request) -> Identity:
    found: Identity = request.app.state.identity
    return found


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


@account.get("/sign-in/")
async def sign_in_form(site: Pages, who: Anyone, request: Request) -> Response:
    wanted = own_path(request.query_params.get("next", "/"))
    if who is not None:
        return RedirectResponse(wanted, status_code=303)
    return site.gate(request, "account/sign_in.html", SignInPage(next_url=wanted))


@account.post("/sign-in/")
async def sign_in(site: Pages, who: Anyone, request: Request) -> Response:  # noqa: ARG001 - whoever it was, the new sign-in counts
    identity, form = _identity(request), await form_of(request)
    name, wanted, kept = form.get("name", ""), own_path(form.get("next", "/")), form.get("kept", "")
    old = request.cookies.get(identity.cookies.session)
    device = request.headers.get("user-agent", "")
    try:
        signed = await identity.people.sign_in(name, form.get("password", ""), address=_address(request), device=device, old_cookie=old)
    except WrongCredentials:
        page = SignInPage(name=name, next_url=wanted, kept=kept, problem="The name or the password is wrong.")
        return site.gate(request, "account/sign_in.html", page, status=401)
    except Throttled as error:
        wait = max(int(error.wait.total_seconds()), 1)
        page = SignInPage(name=name, next_url=wanted, kept=kept, problem="Too many failed sign-ins.", wait_seconds=wait)
        return site.gate(request, "account/sign_in.html", page, status=429)
    return _welcome(identity, signed, wanted, send_again(request, signed, kept) if kept else None)


def _welcome(identity: Identity, signed: SignedIn, wanted: str, page: Response | None = None) -> Response:
    response = page or RedirectResponse(wanted, status_code=303)
    identity.cookies.put(response, identity.cookies.session, signed.cookie)
    identity.cookies.drop(response, identity.cookies.form)
    return response


@account.post("/sign-out/")
async def sign_out(who: Anyone, request: Request) -> Response:  # noqa: ARG001 - signing out twice is no error
    identity = _identity(request)
    cookie = request.cookies.get(identity.cookies.session)
    if cookie:
        await identity.people.sign_out(cookie)
    response = RedirectResponse("/sign-in/", status_code=303)
    identity.cookies.drop(response, identity.cookies.session)
    return response


@account.get("/set-up/")
async def set_up_form(site: Pages, who: Anyone, request: Request, token: str = "") -> Response:  # noqa: ARG001
    try:
        await _identity(request).people.check_setup(token)
    except SetupRefused as error:
        return site.gate(request, "account/set_up.html", SetupPage(token_problem=str(error)), status=403)
    return site.gate(request, "account/set_up.html", SetupPage(token=token))


@account.post("/set-up/")
async def set_up(site: Pages, who: Anyone, request: Request) -> Response:  # noqa: ARG001
    identity, form = _identity(request), await form_of(request)
    token, name, email, password = (form.get(key, "") for key in ("token", "name", "email", "password"))
    try:
        await identity.people.set_up(token, name, password, email=email)
    except Invalid as error:
        page = SetupPage(token=token, name=name, email=email, problems=problems_of(error))
        return site.gate(request, "account/set_up.html", page, status=422)
    except SetupRefused as error:
        return site.gate(request, "account/set_up.html", SetupPage(token_problem=str(error)), status=403)
    device = request.headers.get("user-agent", "")
    signed = await identity.people.sign_in(name, password, address=_address(request), device=device)
    return _welcome(identity, signed, "/")


@account.get("/reset/")
async def reset_form(site: Pages, who: Anyone, request: Request, token: str = "") -> Response:  # noqa: ARG001
    try:
        name = await _identity(request).recovery.person(token)
    except LinkRefused as error:
        return site.gate(request, "account/reset.html", ResetPage(token_problem=str(error)), status=403)
    return site.gate(request, "account/reset.html", ResetPage(token=token, name=name))


@account.post("/reset/")
async def reset(site: Pages, who: Anyone, request: Request) -> Response:  # noqa: ARG001 - the link alone says who
    identity, form = _identity(request), await form_of(request)
    token, new = form.get("token", ""), form.get("new_password", "")
    try:
        name = await identity.recovery.reset(token, new, request_id=getattr(request.state, "request_id", ""))
    except Invalid as error:
        page = ResetPage(token=token, name=await identity.recovery.person(token), problems=problems_of(error))
        return site.gate(request, "account/reset.html", page, status=422)
    except LinkRefused as error:
        return site.gate(request, "account/reset.html", ResetPage(token_problem=str(error)), status=403)
    signed = await identity.people.sign_in(name, new, address=_address(request), device=request.headers.get("user-agent", ""))
    return _welcome(identity, signed, "/account/")


@account.get("/account/")
async def show(site: Pages, who: Viewer, request: Request) -> Response:
    return await site.page(request, who, "account/page.html", "account", await _account(request, who))


@account.post("/account/password/")
async def change_password(site: Pages, who: Viewer, request: Request) -> Response:
    form = await form_of(request)
    old, new, request_id = form.get("password", ""), form.get("new_password", ""), getattr(request.state, "request_id", "")
    try:
        await _identity(request).recovery.change(who, old, new, address=_address(request), request_id=request_id)
    except (Invalid, WrongCredentials, Throttled, LinkRefused) as error:
        problems = problems_of(error)
        if isinstance(error, WrongCredentials):
            problems = (FieldProblem(field="password", message="This is not your password.", hint="Nothing was changed."),)
        page = await _account(request, who, password_problems=problems)
        return await site.page(request, who, "account/page.html", "account", page, status=422)
    return done(request, "/account/", "Your password is changed. Every other sign-in of yours has ended; API tokens go on.")


@account.post("/account/tokens/")
async def make_token(site: Pages, who: Viewer, request: Request) -> Response:
    form = await form_of(request)
    try:
        token, _ = await _identity(request).people.make_token(who, form.get("name", ""))
    except Invalid as error:
        page = await _account(request, who, problems=problems_of(error))
        return await site.page(request, who, "account/page.html", "account", page, status=422)
    # Shown in the answer itself and nowhere else, so there is no redirect that would have to carry it.
    return await site.page(request, who, "account/page.html", "account", await _account(request, who, token=token))


@account.post("/account/tokens/{token_id}/revoke/")
async def revoke(who: Viewer, request: Request, token_id: str) -> Response:
    await _identity(request).people.revoke_token(who, token_id)
    return _back(request, "The token is revoked. Programs that use it are refused from now on.")


@account.post("/account/sessions/{session_id}/end/")
async def end_session(who: Viewer, request: Request, session_id: str) -> Response:
    await _identity(request).people.end_session(who, session_id)
    return _back(request, "That sign-in has ended.")


def _back(request: Request, said: str) -> Response:
    # Nothing on this page is live, so it is loaded again.
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return done(request, "/account/", said)


async def _account(
    request: Request,
    who: Principal,
    *,
    token: str = "",
    problems: tuple[FieldProblem, ...] = (),
    password_problems: tuple[FieldProblem, ...] = (),
) -> AccountPage:
    people = _identity(request).people
    sessions = tuple(
        SessionRow(
            id=row.id,
            device=device_of(row.device),
            address=row.address,
            started=row.started_at,
            last_used=row.used_at,
            current=row.id == who.session_id,
            end=None if row.id == who.session_id else Action(label="End", url=path("account", "sessions", row.id, "end")),
        )
        for row in await people.sessions(who)
    )
    tokens = tuple(
        TokenRow(
            id=row.id,
            name=row.name,
            prefix=f"ft_{row.id[:8]}",
            made=row.created_at,
            last_used=row.used_at,
            expires=row.expires_at,
            revoke=Action(
                label="Revoke",
                url=path("account", "tokens", row.id, "revoke"),
                look="danger",
                confirm=f"Revoke the token “{row.name}”?",
                consequence="Programs that use it are refused from now on.",
            ),
        )
        for row in await people.tokens(who)
    )
    return AccountPage(
        name=who.name,
        email=who.email,
        role=who.role,
        sessions=sessions,
        tokens=tokens,
        fresh_token=token,
        problems=problems,
        password_problems=password_problems,
    )
