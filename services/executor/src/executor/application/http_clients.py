"""The HTTP clients of endpoints. They outlive an attempt: over a connection that is open already, a call costs half.

Each has one connection. A pool of many would be looked through whole at the beginning and at the end of each call, connection by
connection, and cost ten times as much as the call.
"""

import asyncio
import base64
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from executor.application.ports import Endpoint
from shared.runtime.egress import Egress

MAX_ANSWER_BYTES = 1_000_000
_KEPT_SECONDS = 1.0
"""A server may close a connection that is idle at the moment in which we call over it; few do so within a second."""


@dataclass(slots=True, eq=False)
class _Idle:
    """Clients of one endpoint that nobody uses, the last used one last."""

    made_of: tuple[Any, ...]
    clients: deque[tuple[float, httpx.AsyncClient]] = field(default_factory=deque)
    closing: "asyncio.Task[None] | None" = None


class HttpClients:
    """Lends clients, in each event loop its own; an endpoint whose address or credentials have changed gets new ones."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Idle]] = WeakKeyDictionary()

    @asynccontextmanager
    async def of(self, endpoint: Endpoint, *, calls: int = 1) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a client that signs in as the endpoint says, for so many ``calls`` at a time."""
        if calls > 1:
            async with client_of(self._egress, endpoint, calls) as client:
                yield client
            return
        idle = self._idle(endpoint)
        client = idle.clients.pop()[1] if idle.clients else client_of(self._egress, endpoint)
        try:
            yield client
        except BaseException:
            await client.aclose()  # its connection may be in the middle of something
            raise
        idle.clients.append((time.monotonic(), client))
        if idle.closing is None or idle.closing.done():
            idle.closing = asyncio.create_task(_close_old(idle), name="idle connections")

    def _idle(self, endpoint: Endpoint) -> _Idle:
        endpoints = self._loops.setdefault(asyncio.get_running_loop(), {})
        options = endpoint.options
        made_of = (options.base_url, tuple(headers_of(endpoint).items()), options.verify_tls, options.ca_pem)
        idle = endpoints.get(endpoint.endpoint_id)
        if idle is None or idle.made_of != made_of:
            idle = endpoints[endpoint.endpoint_id] = _Idle(made_of)
        return idle


async def _close_old(idle: _Idle) -> None:
    while idle.clients:
        await asyncio.sleep(_KEPT_SECONDS)
        before = time.monotonic() - _KEPT_SECONDS
        while idle.clients and idle.clients[0][0] <= before:
            await idle.clients.popleft()[1].aclose()


def client_of(egress: Egress, endpoint: Endpoint, connections: int = 1) -> httpx.AsyncClient:
    """Return a new client that signs in as the endpoint says; each call names its own limit of time."""
    options = endpoint.options
    verify: bool | ssl.SSLContext = options.verify_tls
    if options.verify_tls and options.ca_pem:
        verify = ssl.create_default_context(cadata=options.ca_pem)
    more: dict[str, Any] = {"max_bytes": MAX_ANSWER_BYTES, "connections": connections, "kept": _KEPT_SECONDS}
    return egress.client(verify=verify, headers=headers_of(endpoint), **more)


def headers_of(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers that each call of the endpoint has, its credentials among them."""
    options, secrets = endpoint.options, endpoint.secrets
    headers = dict(options.headers)
    if secrets.bearer_token:
        headers["Authorization"] = f"Bearer {secrets.bearer_token.get_secret_value()}"
    elif options.username:
        password = secrets.password.get_secret_value() if secrets.password else ""
        headers["Authorization"] = "Basic " + base64.b64encode(f"{options.username}:{password}".encode()).decode()
    if options.secret_header and secrets.header_value:
        headers[options.secret_header] = secrets.header_value.get_secret_value()
    return headers
