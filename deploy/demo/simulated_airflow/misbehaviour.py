"""What a cluster can do wrong, switched on and off over ``POST /_control``.

Nothing of this happens by itself. The switches stay until they are set again; ``{"reset": true}`` puts all back.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulated_airflow.server import Cluster


@dataclass(slots=True)
class Switches:
    """Everything that can be asked of a cluster. ``only`` limits the answers that go wrong to paths that contain it."""

    hang: bool = False
    status: int = 0
    slow: float = 0.0
    """Seconds before each answer begins."""
    drip: float = 0.0
    """Seconds between two bytes of an answer."""
    redirect: str = ""
    html_login: bool = False
    unauthorised: bool = False
    broken_json: bool = False
    nan_json: bool = False
    no_date: bool = False
    lie: str = ""
    """``total``: totals that are far too high; ``offset``: the same page for ever; ``empty``: totals without rows."""
    lose_writes: bool = False
    """Writes happen, but their answer is a 502 as from a proxy that lost the connection."""
    huge_megabytes: int = 0
    big_page: bool = False
    """Pages are not clamped, as in 3.0."""
    small_page: int = 0
    """Largest page, like ``maximum_page_limit``."""
    stop_scheduler: bool = False
    lying_scheduler: bool = False
    clock_skew: float = 0.0
    token_seconds: float = 0.0
    version: str = ""
    no_import_errors: bool = False
    only: str = ""


class Dialect(Protocol):
    version: str

    def forget_sign_ins(self) -> None: ...


class Misbehaviour:
    """Stands in front of a dialect: counts requests, answers ``/_control``, and spoils answers as the switches say."""

    def __init__(self, app: ASGIApp, cluster: Cluster, dialect: Dialect) -> None:
        self._app = app
        self.cluster = cluster
        self._dialect = dialect
        self._version = dialect.version
        self._token_seconds: float | None = getattr(dialect, "token_seconds", None)
        self.switches = Switches()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == "/_control":
            await (await self._control(Request(scope, receive)))(scope, receive, send)
            return
        self.cluster.count(scope["method"], scope["path"])
        if self.switches.only not in scope["path"]:
            await self._app(scope, receive, self._dated(send))
            return
        await self._spoil(scope, receive, self._dated(send))

    async def _spoil(self, scope: Scope, receive: Receive, send: Send) -> None:
        switches = self.switches
        if switches.hang:
            await asyncio.sleep(3600)
        if switches.slow:
            await asyncio.sleep(switches.slow)
        instead = self._instead(scope)
        if instead is not None:
            await instead(scope, receive, send)
            return
        start, body = await self._collect(scope, receive)
        if (
            switches.lose_writes
            and scope["method"] in {"POST", "PATCH"}
            and not scope["path"].endswith(("/list", "/login/", "/auth/token"))
        ):
            await HTMLResponse("<h1>502 Bad Gateway</h1>", 502)(scope, receive, send)
            return
        body = self._change(body)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        if switches.drip:
            for place in range(len(body)):
                await send({"type": "http.response.body", "body": body[place : place + 1], "more_body": True})
                await asyncio.sleep(switches.drip)
            body = b""
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _instead(self, scope: Scope) -> Response | None:
        """Give what stands in the place of any answer, if anything does."""
        switches = self.switches
        if switches.redirect:
            return RedirectResponse(switches.redirect, 302)
        if switches.html_login:
            return HTMLResponse("<!doctype html><title>Sign in</title><h1>Company sign-in</h1><form></form>")
        if switches.unauthorised and not scope["path"].endswith(("/version", "/health")):
            if scope["path"].startswith("/login"):
                return RedirectResponse("/login/", 302) if scope["method"] == "POST" else None
            if scope["path"].startswith("/api/v1"):
                return JSONResponse({"detail": None, "status": 403, "title": "Forbidden", "type": "about:blank"}, 403)
            return JSONResponse({"detail": "Invalid credentials"}, 401)
        if switches.status:
            return JSONResponse(
                {"detail": "simulated trouble"}, switches.status, headers={"Retry-After": "7"} if switches.status == 429 else None
            )
        if switches.huge_megabytes:
            return Response(b'{"dags": ["' + b"x" * (switches.huge_megabytes * 1_000_000) + b'"]}', media_type="application/json")
        return None

    async def _collect(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        start: Message = {}
        body = b""

        async def keep(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        if self.switches.lie == "offset":
            query = scope["query_string"].decode()
            scope = dict(scope) | {"query_string": "&".join(part for part in query.split("&") if not part.startswith("offset=")).encode()}
        await self._app(scope, receive, keep)
        return start, body

    def _change(self, body: bytes) -> bytes:
        switches = self.switches
        if switches.broken_json:
            return body[: len(body) * 2 // 3]
        if switches.nan_json:
            return body[:-1] + b', "extra": NaN}' if body.endswith(b"}") else body
        if switches.lie in {"total", "empty"} and body.startswith(b"{"):
            value = json.loads(body)
            if isinstance(value, dict) and "total_entries" in value:
                value["total_entries"] = 10_000_000
                if switches.lie == "empty":
                    value = {name: [] if isinstance(part, list) else part for name, part in value.items()}
            return json.dumps(value).encode()
        return body

    def _dated(self, send: Send) -> Send:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start" and not self.switches.no_date:
                now = self.cluster.now().astimezone(UTC)
                message["headers"] = [*message["headers"], (b"date", format_datetime(now, usegmt=True).encode())]
            await send(message)

        return dated

    async def _control(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                problem = self.set(json.loads(await request.body()))
            except ValueError:
                problem = "the body is no JSON"
            if problem:
                return JSONResponse({"error": problem}, 400)
        self.cluster.advance()
        return JSONResponse(
            {"switches": asdict(self.switches), "requests": dict(self.cluster.requests), "at": datetime.now(UTC).isoformat()}
        )

    def set(self, asked: Any) -> str:
        """Set switches and do what was asked once; returns what is wrong with the question, or nothing."""
        known = {item.name for item in fields(Switches)} | {"reset", "forget_sign_ins", "delete_run", "forget_requests", "password"}
        if not isinstance(asked, dict) or set(asked) - known:
            return f"unknown: {sorted(set(asked) - known) if isinstance(asked, dict) else asked!r}; known: {sorted(known)}"
        if asked.pop("reset", False):
            self.switches = Switches()
        if asked.pop("forget_sign_ins", False):
            self._dialect.forget_sign_ins()
        if asked.pop("forget_requests", False):
            self.cluster.requests.clear()
        if password := asked.pop("password", None):
            self.cluster.users["admin"] = str(password)
        if gone := asked.pop("delete_run", None):
            self.cluster.world.delete_run(*gone)
        for name, value in asked.items():
            setattr(self.switches, name, value)
        self._apply()
        return ""

    def _apply(self) -> None:
        switches, cluster = self.switches, self.cluster
        cluster.clock_skew = timedelta(seconds=switches.clock_skew)
        cluster.lying_scheduler = switches.lying_scheduler
        cluster.maximum_page = switches.small_page or (1_000_000 if switches.big_page else 100)
        cluster.world.scheduler_on = not switches.stop_scheduler
        cluster.world.import_errors = not switches.no_import_errors
        self._dialect.version = switches.version or self._version
        if self._token_seconds is not None:
            self._dialect.token_seconds = switches.token_seconds or self._token_seconds  # type: ignore[attr-defined]
