"""HTTP to addresses that people typed: resolved once, every address checked, connected to exactly that one.

The checked address is pinned below the connection pool, so host name, SNI and certificate check stay what they were and a
second look-up can't answer differently. No redirects, no proxies from the environment, bounded time and size.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx

from shared.runtime import metrics
from shared.runtime.egress.bounded import Bounds, bounded
from shared.runtime.egress.policy import EgressPolicy, EgressRefused

_RESOLVE_SECONDS = 5.0
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
MAX_BYTES = 10 * 1024 * 1024
DEADLINE_SECONDS = 60.0


class Egress:
    """The way out under one policy."""

    def __init__(self, policy: EgressPolicy) -> None:
        self.policy = policy

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of ``host``, all checked; for Kafka, AMQP, SMTP and whatever else connects by itself.

        One refused address refuses the host: a name that points both outside and inside is an attack or a mistake.
        """
        host = host.strip("[]")
        self._refusing(lambda: self.policy.check_name(host))
        if not host or any(not character.isprintable() or character.isspace() for character in host):
            raise EgressRefused(f"{host!r} is no host name")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host}: no answer from name resolution within {_RESOLVE_SECONDS:g} s") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} can't be resolved: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
        for address in addresses:
            self._refusing(lambda address=address: self.policy.check_address(host, ip_address(address)))
        return addresses

    @staticmethod
    def _refusing(check: Any) -> None:
        try:
            check()
        except EgressRefused:
            metrics.EGRESS_REFUSED.inc()
            raise

    def client(
        self,
        *,
        verify: bool | ssl.SSLContext = True,
        timeout: httpx.Timeout | float = TIMEOUT,
        max_bytes: int = MAX_BYTES,
        headers: Mapping[str, str] | None = None,
        deadline: float = DEADLINE_SECONDS,
        auth: httpx.Auth | tuple[str, str] | None = None,
        base_url: str = "",
        connections: int = 20,
        kept: float = 30.0,
    ) -> httpx.AsyncClient:
        """Return a client; close it as any other.

        ``max_bytes`` counts the decoded answer, ``deadline`` seconds the whole exchange. Up to ``connections`` are open at once, and kept
        for ``kept`` seconds after their last use.
        """
        return httpx.AsyncClient(
            transport=_Transport(self, verify, Bounds(max_bytes, deadline), connections, kept),
            timeout=timeout,
            headers={"User-Agent": "Flowtower", **(headers or {})},
            follow_redirects=False,
            trust_env=False,
            auth=auth,
            base_url=base_url,
        )


@cache
def _context(verify: bool) -> ssl.SSLContext:
    """Return this process's one context that checks certificates, or the one that does not.

    To read the public authorities takes 20 ms of a core; a client that is made for one call must not pay that.
    """
    return httpx.create_ssl_context(verify=verify, trust_env=False)


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._egress.resolve(host, port)
        problem: Exception | None = None
        for address in addresses[:4]:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(self, path: str, *_args: Any, **_kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise EgressRefused(f"{path}: sockets in the file system are not called")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Transport(httpx.AsyncHTTPTransport):
    def __init__(self, egress: Egress, verify: bool | ssl.SSLContext, bounds: Bounds, connections: int, kept: float) -> None:
        context = verify if isinstance(verify, ssl.SSLContext) else _context(verify)
        super().__init__(verify=context, trust_env=False, retries=0)
        # httpx offers no way to pass a network backend on, so the pool is replaced by one that has it.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=kept,
            network_backend=_Pinned(egress),
        )
        self._bounds = bounds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in {"http", "https"}:
            raise EgressRefused(f"{request.url.scheme or 'no scheme'}: only http and https are called")
        if "accept-encoding" in request.headers:
            request.headers["accept-encoding"] = "gzip, deflate"
        until = asyncio.get_running_loop().time() + self._bounds.deadline
        try:
            async with asyncio.timeout_at(until):
                response = await super().handle_async_request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {self._bounds.deadline:g} s", request=request) from error
        return bounded(response, self._bounds, until)
