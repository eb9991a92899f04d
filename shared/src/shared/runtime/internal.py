"""On-demand reads between services: small, bounded in time and size, signed by short-lived tokens.

A token says who asks (``iss``), whom (``aud``) and until when (``exp``), and is signed by HMAC-SHA256 with ``internal.key``. It
changes nothing to repeat such a read, so tokens live a minute and are not kept track of.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import Header, HTTPException

from shared.runtime.keyfile import decode, encode, read_keys
from shared.runtime.tracing import current_traceparent

TOKEN_SECONDS = 60
_SKEW_SECONDS = 10
_LIMIT_SECONDS = 30.0
_MAX_BYTES = 10 * 1024 * 1024


class TokenRefused(Exception):
    """A token that proves nothing; the text says why, for the log, and never goes to the caller."""


class ServiceAway(Exception):
    """Another service did not answer as it should: it is away, refuses us, or said too much."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason


class InternalSigner:
    """Makes and checks tokens."""

    def __init__(self, keys_dir: Path, *, issuer: str = "flowtower", clock: Callable[[], float] = time.time) -> None:
        self._keys = read_keys(keys_dir / "internal.key")
        self._issuer = issuer
        self._clock = clock

    @staticmethod
    def _sign(key: bytes, claims: str) -> bytes:
        return hmac.digest(key, b"flowtower-internal-v1." + claims.encode(), hashlib.sha256)

    def token(self, audience: str) -> str:
        """Return a token for one service, good for a minute."""
        until = int(self._clock()) + TOKEN_SECONDS
        claims = encode(json.dumps({"iss": self._issuer, "aud": audience, "exp": until}).encode())
        return f"{claims}.{encode(self._sign(self._keys[0], claims))}"

    def verify(self, token: str, audience: str) -> str:
        """Return who asks; raise TokenRefused when the token is not for ``audience``, is over, or not from us."""
        claims, _, signature = token.partition(".")
        try:
            given = decode(signature)
        except ValueError as error:
            raise TokenRefused("no signature") from error
        if not any(hmac.compare_digest(self._sign(key, claims), given) for key in self._keys):
            raise TokenRefused("wrong signature")
        said = json.loads(decode(claims))
        if said["aud"] != audience:
            raise TokenRefused(f"for {said['aud']}, not for {audience}")
        now = self._clock()
        if not now - _SKEW_SECONDS <= said["exp"] <= now + TOKEN_SECONDS + _SKEW_SECONDS:
            raise TokenRefused("over, or good for too long")
        issuer: str = said["iss"]
        return issuer


def require_internal(signer: InternalSigner, audience: str) -> Callable[..., Awaitable[str]]:
    """Return a FastAPI dependency that lets only services of this installation in and returns which one asks."""

    async def dependency(authorization: Annotated[str, Header()] = "") -> str:
        scheme, _, token = authorization.partition(" ")
        try:
            return signer.verify(token if scheme.lower() == "bearer" else "", audience)
        except TokenRefused as refused:
            raise HTTPException(401, "Only services of this installation may ask this.", {"WWW-Authenticate": "Bearer"}) from refused

    return dependency


class InternalClient:
    """Asks one other service. Answers of 4xx other than 401 are the caller's to read; everything else that fails is ServiceAway."""

    def __init__(self, base_url: str, audience: str, signer: InternalSigner, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._audience = audience
        self._signer = signer
        self._client = httpx.AsyncClient(
            base_url=base_url,
            trust_env=False,
            follow_redirects=False,
            # An address without TLS needs no certificates: reading them takes 3 MB for the first client and 1 MB for each further one.
            verify=httpx.URL(base_url).scheme != "http",
            timeout=httpx.Timeout(_LIMIT_SECONDS, connect=3.0),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=5),
            transport=transport,
        )

    async def start(self) -> None:
        """Nothing to do: connections are made when they are needed."""

    async def stop(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, *, params: Mapping[str, Any] | None = None, seconds: float = _LIMIT_SECONDS) -> httpx.Response:
        """Ask by GET."""
        return await self._ask("GET", path, params=params, seconds=seconds)

    async def post(
        self,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        seconds: float = _LIMIT_SECONDS,
    ) -> httpx.Response:
        """Ask by POST, with a JSON value or with ready bytes of JSON."""
        return await self._ask("POST", path, params=params, json=json, content=content, seconds=seconds)

    async def _ask(self, method: str, path: str, *, seconds: float, content: bytes | None = None, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._signer.token(self._audience)}"}
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        if content is not None:
            headers["Content-Type"] = "application/json"
        limit = min(seconds, _LIMIT_SECONDS)
        try:
            async with (
                asyncio.timeout(limit),
                self._client.stream(method, path, headers=headers, content=content, **given) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        raise ServiceAway(self._audience, f"its answer is longer than {_MAX_BYTES} bytes")
        except TimeoutError as error:
            raise ServiceAway(self._audience, f"no answer within {limit:g} s") from error
        except httpx.HTTPError as error:
            raise ServiceAway(self._audience, str(error) or type(error).__name__) from error
        if response.status_code in {401, 403} or response.status_code >= 500:
            raise ServiceAway(self._audience, f"answered {response.status_code}")
        plain = {
            name: value
            for name, value in response.headers.items()
            if name not in {"content-encoding", "content-length", "transfer-encoding"}
        }
        return httpx.Response(response.status_code, headers=plain, content=bytes(body), request=response.request)
