"""Who is signed in, and tokens for programs."""

from datetime import datetime

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.application.answers.base import Page
from gateway.entrypoints.api.parts import App, Viewer, router
from gateway.identity.guard import Identity

account = router("/account", "account")
tokens = router("/tokens", "account")


class PersonAnswer(BaseModel):
    id: str
    name: str
    email: str
    role: str


class TokenInput(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "billing export", "days": 90}]})

    name: str = Field(min_length=1, max_length=100)
    days: int | None = Field(default=90, ge=1, le=3650, description="Until it ends; null = never.")


class TokenAnswer(BaseModel):
    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class FreshToken(TokenAnswer):
    """A token that was just made. ``token`` is shown this once."""

    token: str


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
