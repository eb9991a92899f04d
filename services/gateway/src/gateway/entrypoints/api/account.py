"""Who is signed in, and tokens for programs."""

from datetime import datetime

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.application.answers.base import Page, example
from gateway.entrypoints.api.parts import App, Viewer, router
from gateway.identity.guard import Allow, Identity
from gateway.identity.people import SignedIn
from gateway.identity.principal import Right

account = router("/account", "account")
tokens = router("/tokens", "account")


class PersonAnswer(BaseModel):
    model_config = example(id="01977d00-0000-7000-8000-000000000009", name="ada", email="ada@example.com", role="admin")

    id: str
    name: str
    email: str
    role: str


class TokenInput(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "billing export", "days": 90}]})

    name: str = Field(min_length=1, max_length=100)
    days: int | None = Field(default=90, ge=1, le=3650, description="Until it ends; null = never.")


class TokenAnswer(BaseModel):
    model_config = example(
        id="01977d01-0000-7000-8000-000000000010",
        name="billing export",
        created_at="2026-11-20T09:00:00Z",
        expires_at="2027-02-18T09:00:00Z",
        used_at="2026-11-22T03:00:00Z",
    )

    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class FreshToken(TokenAnswer):
    """A token that was just made. ``token`` is shown this once."""

    model_config = example(
        id="01977d01-0000-7000-8000-000000000010",
        name="billing export",
        created_at="2026-11-20T09:00:00Z",
        expires_at="2027-02-18T09:00:00Z",
        used_at="2026-11-22T03:00:00Z",
        token="ft_01977d01_…",  # noqa: S106 - an example
    )

    token: str


class SignInInput(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "ada", "password": "…"}]})

    name: str = Field(min_length=1, max_length=200)
    password: SecretStr = Field(max_length=1000)


class SetUpInput(SignInInput):
    """The first user, by the one-time token of ``python -m gateway setup-link``."""

    model_config = example(token="…", name="ada", password="…", email="ada@example.com")  # noqa: S106 - an example

    token: str = Field(min_length=1, max_length=200)
    email: str = Field(default="", max_length=320)


class SessionAnswer(PersonAnswer):
    """Signed in: the cookie came with the answer; ``csrf_token`` goes into the header X-CSRF-Token of every change."""

    model_config = example(
        id="01977d00-0000-7000-8000-000000000009",
        name="ada",
        email="ada@example.com",
        role="admin",
        csrf_token="QmFzZTY0…",  # noqa: S106 - an example
    )

    csrf_token: str


def _identity(request: Request) -> Identity:
    found: Identity = request.app.state.identity
    return found


@account.get("/", response_model=PersonAnswer, summary="Who am I")
async def me(who: Viewer) -> PersonAnswer:
    return PersonAnswer(id=who.user_id, name=who.name, email=who.email, role=who.role)


@tokens.get("/", response_model=Page[TokenAnswer], summary="List the own tokens")
async def list_tokens(who: Viewer, request: Request) -> Page[TokenAnswer]:
    found = await _identity(request).people.tokens(who)
    return Page(items=tuple(TokenAnswer.model_validate(row.model_dump()) for row in found))


@tokens.post("/", status_code=201, response_model=FreshToken, summary="Make a token; its text is shown this once")
async def make_token(_app: App, who: Viewer, request: Request, given: TokenInput) -> FreshToken:
    token, row = await _identity(request).people.make_token(who, given.name, days=given.days)
    return FreshToken(**{key: value for key, value in row.model_dump().items() if key in TokenAnswer.model_fields}, token=token)


@tokens.delete("/{token_id}/", status_code=204, response_class=Response, summary="Revoke a token")
async def revoke_token(who: Viewer, request: Request, token_id: str) -> Response:
    await _identity(request).people.revoke_token(who, token_id)
    return Response(status_code=204)


@account.post(
    "/set-up/",
    status_code=201,
    response_model=PersonAnswer,
    summary="Make the first user",
    dependencies=[Depends(Allow(Right.PUBLIC, json_only=True))],
)
async def set_up(request: Request, given: SetUpInput) -> PersonAnswer:
    made = await _identity(request).people.set_up(given.token, given.name, given.password.get_secret_value(), email=given.email)
    return PersonAnswer(id=made.user_id, name=made.name, email=made.email, role=made.role)


@account.post(
    "/sign-in/", response_model=SessionAnswer, summary="Sign in by password", dependencies=[Depends(Allow(Right.PUBLIC, json_only=True))]
)
async def sign_in(request: Request, given: SignInInput) -> Response:
    identity = _identity(request)
    signed = await identity.people.sign_in(
        given.name,
        given.password.get_secret_value(),
        address=request.client.host if request.client else "",
        device=request.headers.get("user-agent", ""),
        old_cookie=request.cookies.get(identity.cookies.session),
    )
    return _session(identity, signed)


def _session(identity: Identity, signed: SignedIn) -> Response:
    who = signed.principal
    answer = SessionAnswer(id=who.user_id, name=who.name, email=who.email, role=who.role, csrf_token=identity.csrf.token(signed.cookie))
    response = JSONResponse(answer.model_dump(mode="json"))
    identity.cookies.put(response, identity.cookies.session, signed.cookie)
    return response


@account.post("/sign-out/", status_code=204, response_class=Response, summary="End the session of the cookie")
async def sign_out(who: Viewer, request: Request) -> Response:  # noqa: ARG001
    identity = _identity(request)
    cookie = request.cookies.get(identity.cookies.session)
    if cookie:
        await identity.people.sign_out(cookie)
    response = Response(status_code=204)
    identity.cookies.drop(response, identity.cookies.session)
    return response
