"""What stands before every route: who asks, may they, and does it come from our own pages.

Every route declares its policy as a dependency, ``Depends(Allow(Right.…))`` in ``dependencies`` or as a parameter.
``unguarded`` finds those that don't, and the service does not start with one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection, Request
from starlette.routing import BaseRoute

from gateway.identity.csrf import FIELD, HEADER, SAFE, Csrf
from gateway.identity.people import People
from gateway.identity.principal import ForgedRequest, NotAllowed, Principal, Right, SignInNeeded
from gateway.identity.recovery import Recovery
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

    def __init__(self, people: People, csrf: Csrf, cookies: Cookies, recovery: Recovery) -> None:
        self.people = people
        self.recovery = recovery
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

    def __init__(self, right: Right, *, json_only: bool = False) -> None:
        self.right = right
        self._json_only = json_only

    async def __call__(self, request: Request) -> Principal | None:
        identity: Identity = request.app.state.identity
        bearer = "authorization" in request.headers
        if self._json_only:
            # Nobody is signed in yet, so there is no token; but no other site can make a browser send JSON here.
            identity.csrf.check_origin(request)
            if not request.headers.get("content-type", "").startswith("application/json"):
                raise ForgedRequest("Send JSON with 'Content-Type: application/json'.")
        elif request.method not in SAFE and not bearer:
            if self.right is not Right.PUBLIC and identity.cookies.session not in request.cookies:
                raise SignInNeeded
            await identity.check_form(request)
        principal = None if self._json_only else await identity.principal(request)
        request.state.principal = principal
        if self.right is Right.PUBLIC:
            return principal
        if principal is None:
            raise SignInNeeded
        if not principal.may(self.right):
            raise NotAllowed(self.right)
        return principal

    async def declare(self) -> None:
        """Declare the policy of a WebSocket, whose handshake checks it by itself."""


@dataclass(frozen=True)
class Guarded:
    """A route as it is served, and what it demands; None = it declares nothing."""

    path: str
    methods: frozenset[str]
    policy: Right | None


def guarded(routes: Sequence[BaseRoute]) -> list[Guarded]:
    """Return every route that is served, with its policy."""
    found: list[Guarded] = []
    for context in iter_route_contexts(routes):
        dependant = getattr(context, "dependant", None)
        if dependant is None:
            dependant = getattr(context.original_route, "dependant", None)
        rights = [] if dependant is None else list(_policies(dependant))
        path = str(getattr(context, "path", None) or getattr(context.original_route, "path", ""))
        found.append(Guarded(path, frozenset(getattr(context, "methods", None) or ()), max(rights) if rights else None))
    return found


def _policies(dependant: Any) -> Iterable[Right]:
    declared = getattr(dependant.call, "__self__", dependant.call)
    if isinstance(declared, Allow):
        yield declared.right
    for inner in dependant.dependencies:
        yield from _policies(inner)


def unguarded(routes: Sequence[BaseRoute], *, open_mounts: frozenset[str] = frozenset()) -> list[str]:
    """Return the paths of routes that declare no policy. ``open_mounts``: folders of files that anyone may read."""
    return [route.path for route in guarded(routes) if route.policy is None and route.path not in OPEN_PATHS | open_mounts]
