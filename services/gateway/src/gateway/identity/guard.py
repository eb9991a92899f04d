"""What stands before every route: who asks, may they, and does it come from our own pages.

Every route declares its policy as a dependency, ``Depends(Allow(Right.…))`` in ``dependencies`` or as a parameter.
``unguarded`` finds those that don't, and the service does not start with one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection, Request
from starlette.routing import BaseRoute, Mount

from gateway.identity.csrf import FIELD, HEADER, SAFE, Csrf
from gateway.identity.people import People
from gateway.identity.principal import NotAllowed, Principal, Right, SignInNeeded
from gateway.identity.secrets import new_secret

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/version"})
"""Routes of the runtime that programs read without signing in."""


@dataclass(frozen=True)
class Cookies:
    """Names of the cookies. The prefix ``__Host-`` binds them to https, this host and no path; plain http can't have it."""

    secure: bool

    @property
    def session(self) -> str:
        return "__Host-flowtower" if self.secure else "flowtower"

    @property
    def form(self) -> str:
        return "__Host-flowtower-form" if self.secure else "flowtower-form"

    def put(self, response: Response, name: str, value: str) -> None:
        """Set a cookie for as long as the browser runs."""
        response.set_cookie(name, value, path="/", secure=self.secure, httponly=True, samesite="lax")

    def drop(self, response: Response, name: str) -> None:
        """Remove a cookie."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")


class Identity:
    """Everything about people that routes need; stands at ``app.state.identity``."""

    def __init__(self, people: People, csrf: Csrf, cookies: Cookies) -> None:
        self.people = people
        self.csrf = csrf
        self.cookies = cookies

    async def principal(self, connection: HTTPConnection) -> Principal | None:
        """Return who asks, by Bearer token or by session cookie."""
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme:
            return await self.people.by_token(token.strip()) if scheme.lower() == "bearer" else None
        cookie = connection.cookies.get(self.cookies.session)
        return await self.people.by_cookie(cookie) if cookie else None

    def form_token(self, connection: HTTPConnection) -> tuple[str, str | None]:
        """Return the token for the forms of a page, and the value of a form cookie to set when there is no cookie yet."""
        cookie = connection.cookies.get(self.cookies.session) or connection.cookies.get(self.cookies.form)
        if cookie:
            return self.csrf.token(cookie), None
        fresh = new_secret()
        return self.csrf.token(fresh), fresh

    async def check_form(self, request: Request) -> None:
        """Raise ForgedRequest unless a browser's change carries our origin and our token."""
        self.csrf.check_origin(request)
        given = request.headers.get(HEADER)
        if given is None and request.headers.get("content-type", "").startswith(
            ("application/x-www-form-urlencoded", "multipart/form-data")
        ):
            value = (await request.form()).get(FIELD)
            given = value if isinstance(value, str) else None
        cookie = request.cookies.get(self.cookies.session) or request.cookies.get(self.cookies.form)
        self.csrf.check_token(cookie, given)


class Allow:
    """The policy of a route."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self, request: Request) -> Principal | None:
        identity: Identity = request.app.state.identity
        bearer = "authorization" in request.headers
        if request.method not in SAFE and not bearer:
            if self.right is not Right.PUBLIC and identity.cookies.session not in request.cookies:
                raise SignInNeeded
            await identity.check_form(request)
        principal = await identity.principal(request)
        request.state.principal = principal
        if self.right is Right.PUBLIC:
            return principal
        if principal is None:
            raise SignInNeeded
        if not principal.may(self.right):
            raise NotAllowed(self.right)
        return principal


def policy_of(route: BaseRoute) -> Right | None:
    """Return what a route demands; None when it declares nothing."""
    if not isinstance(route, APIRoute | APIWebSocketRoute):
        return None
    found = list(_policies(route.dependant))
    return max(found) if found else None


def _policies(dependant: Any) -> Iterable[Right]:
    if isinstance(dependant.call, Allow):
        yield dependant.call.right
    for inner in dependant.dependencies:
        yield from _policies(inner)


def unguarded(routes: Iterable[BaseRoute], *, open_mounts: frozenset[str] = frozenset()) -> list[str]:
    """Return the paths of routes that declare no policy. ``open_mounts``: folders of files that anyone may read."""
    missing: list[str] = []
    for route in routes:
        path = str(getattr(route, "path", route))
        if path in OPEN_PATHS or (isinstance(route, Mount) and path in open_mounts):
            continue
        if policy_of(route) is None:
            missing.append(path)
    return missing
