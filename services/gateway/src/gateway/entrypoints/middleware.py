"""What every request passes: an id, headers that keep browsers safe, hosts we go by, and bodies of a bounded size."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import Iterable
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.entrypoints.problems import answer, problem
from gateway.identity.guard import OPEN_PATHS
from shared.runtime.ids import new_id
from shared.runtime.logging import get_logger

log = get_logger(__name__)

MAX_BODY = 1024 * 1024
MAX_WORKFLOW_BODY = 4 * 1024 * 1024
"""Workflows may come larger than they are taken, so that the answer can say what is wrong with them."""
DRAIN_BYTES, DRAIN_SECONDS = 16 * 1024 * 1024, 5.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,100}")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")


def policy(nonce: str) -> str:
    """Return the Content-Security-Policy with a nonce of this answer."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


class BodyTooLarge(HTTPException):
    """More came than was announced or allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body is larger than {limit // 1024:,} KB. Send less.", {"Connection": "close"})


class Edge:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], secure: bool) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
        nonce = secrets.token_urlsafe(16)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"], state["csp_nonce"] = request_id, nonce

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(raw=message["headers"]), request_id, nonce, scope)
                message["headers"] = MutableHeaders(raw=message["headers"]).raw
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if not self._known(headers.get("host", ""), scope):
                await self._refuse(scope, receive, send_safe)
            else:
                await self._limited(scope, receive, send_safe)

    def _known(self, host: str, scope: Scope) -> bool:
        if scope.get("path") in OPEN_PATHS:
            return True
        match = _HOST.fullmatch(host.lower())
        return match is not None and match.group(1) in self._hosts

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        hint = "This host name is not ours. Open Flowtower under FLOWTOWER_PUBLIC_URL, or add the name to FLOWTOWER_GATEWAY_HOSTS."
        await problem(Request(scope), 400, "Wrong host", hint)(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_WORKFLOW_BODY if "/workflows" in scope["path"] else MAX_BODY
        length = Headers(scope=scope).get("content-length", "")
        if length and (not length.isdigit() or int(length) > limit):
            await self._too_large(scope, receive, send, limit)
            return
        taken = 0
        began = False

        async def receive_bounded() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise BodyTooLarge(limit)
            return message

        async def send_noting(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive_bounded, send_noting)
        except Exception as error:
            if began:
                raise
            response = await answer(Request(scope, receive), error)
            await response(scope, receive, send)

    @staticmethod
    async def _too_large(scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        # Whoever still sends when the connection closes does not see the answer: so a bounded rest is taken in and dropped.
        dropped = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while dropped < DRAIN_BYTES:
                    message = await receive()
                    dropped += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        break
        detail = f"The body is larger than {limit // 1024:,} KB. Send less."
        await problem(Request(scope), 413, "Too large", detail, headers={"Connection": "close"})(scope, receive, send)

    def _dress(self, headers: MutableHeaders, request_id: str, nonce: str, scope: Scope) -> None:
        headers["X-Request-ID"] = request_id
        headers["Content-Security-Policy"] = policy(nonce)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        if self._secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not str(scope.get("path", "")).startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")
