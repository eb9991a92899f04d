"""A span for each HTTP request, so that a click and everything that comes of it are one trace."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.runtime.tracing import request_span

QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/version"})
"""Asked every few seconds by machines: spans of these would hide all others."""


class RequestSpans:
    """ASGI middleware; a traceparent that came with the request is continued."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self._app(scope, receive, send)
            return
        with request_span(scope["method"], scope["path"], Headers(scope=scope).get("traceparent")) as span:

            async def send_noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    # The route is known by now; its pattern names the span, because paths with ids in them are too many names.
                    if pattern := getattr(scope.get("route"), "path", None):
                        span.update_name(f"{scope['method']} {pattern}")
                await send(message)

            await self._app(scope, receive, send_noting)
