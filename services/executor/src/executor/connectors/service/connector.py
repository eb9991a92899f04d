"""Services that are called over HTTP."""

import asyncio
import base64
import email.utils
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from executor.application.ports import Endpoint, Permanent, Retryable, Work
from executor.connectors.service.config import KIND
from executor.domain.durations import seconds_of
from shared.runtime import clock
from shared.runtime.egress import Egress, EgressRefused

_AGAIN = frozenset({408, 425, 429})
_ANSWER = 1000
_MAX_ANSWER_BYTES = 1_000_000


class ServiceConnector:
    kind = KIND

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        """Ask for the base URL: any answer that is no refusal of our credentials shows that the service is there."""
        async with self._client(endpoint, 10.0) as client:
            answer = await _send(client, endpoint, ("GET", endpoint.options.base_url), b"", {})
        if answer.status_code in {401, 403}:
            raise Permanent("AuthenticationFailed", f"{endpoint.name} refused our credentials with {answer.status_code}. Correct them.")
        return {"status": answer.status_code, "server": answer.headers.get("server", "")}

    @asynccontextmanager
    async def caller(self, work: Work) -> AsyncIterator["ServiceCaller"]:
        endpoint, options = work.place.system, work.place.options
        async with self._client(endpoint, seconds_of(options.timeout), connections=options.in_flight) as client:
            yield ServiceCaller(client, endpoint, options)

    @asynccontextmanager
    async def _client(self, endpoint: Endpoint, seconds: float, *, connections: int = 1) -> AsyncIterator[httpx.AsyncClient]:
        options, secrets = endpoint.options, endpoint.secrets
        headers = dict(options.headers)
        if secrets.bearer_token:
            headers["Authorization"] = f"Bearer {secrets.bearer_token.get_secret_value()}"
        elif options.username:
            password = secrets.password.get_secret_value() if secrets.password else ""
            headers["Authorization"] = "Basic " + base64.b64encode(f"{options.username}:{password}".encode()).decode()
        verify: bool | ssl.SSLContext = options.verify_tls
        if options.verify_tls and options.ca_pem:
            verify = await asyncio.to_thread(lambda: ssl.create_default_context(cadata=options.ca_pem))
        client = self._egress.client(verify=verify, timeout=seconds, max_bytes=_MAX_ANSWER_BYTES, headers=headers, connections=connections)
        async with client:
            yield client


class ServiceCaller:
    """Makes the calls of one attempt over kept connections."""

    def __init__(self, client: httpx.AsyncClient, endpoint: Endpoint, options: Any) -> None:
        self._client = client
        self._endpoint = endpoint
        self._method: str = options.method
        self._url = endpoint.options.base_url.rstrip("/") + options.path

    async def call(self, body: bytes, *, key: str, headers: dict[str, str], content_type: str) -> None:
        given = headers | {"Idempotency-Key": key, "Content-Type": content_type}
        answer = await _send(self._client, self._endpoint, (self._method, self._url), body, given)
        code = answer.status_code
        if 200 <= code < 300:
            return
        text = answer.text[:_ANSWER]
        if code in _AGAIN or code >= 500:
            message = f"{self._endpoint.name} answered {code} to {self._method} {self._url}; it may work later."
            raise Retryable(f"HttpStatus:{code}", message, answer=text, after=_wait(answer))
        way = (
            "Correct path:, the endpoint or what is sent."
            if code < 300 or code >= 400
            else "Redirects are not followed; give the final URL."
        )
        message = f"{self._endpoint.name} answered {code} to {self._method} {self._url}. {way}"
        raise Permanent(f"HttpStatus:{code}", message, answer=text)


async def _send(
    client: httpx.AsyncClient, endpoint: Endpoint, what: tuple[str, str], body: bytes, headers: dict[str, str]
) -> httpx.Response:
    name = endpoint.name
    method, url = what
    try:
        return await client.request(method, url, content=body or None, headers=headers)
    except EgressRefused as error:
        raise Permanent("EgressRefused", str(error)) from error
    except httpx.TimeoutException as error:
        raise Retryable("Timeout", f"{name} did not answer {method} {url} in time. Raise timeout:, or look why it is slow.") from error
    except httpx.InvalidURL as error:
        raise Permanent("UrlInvalid", f"{url} is no URL that can be called: {error}.") from error
    except httpx.TransportError as error:
        if _tls(error):
            text = f"{name} has no certificate that we can trust: {error}. Set ca_pem on the endpoint."
            raise Permanent("TlsFailed", text) from error
        text = f"{name} does not answer at {url}: {error or type(error).__name__}. Check the address and that it runs."
        raise Retryable("ConnectionRefused", text) from error


def _tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _wait(answer: httpx.Response) -> float | None:
    """Return the seconds of Retry-After, at most an hour."""
    text = answer.headers.get("retry-after", "")
    if text.isdigit():
        return min(float(text), 3600.0)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return min(max((at - clock.now()).total_seconds(), 0.0), 3600.0) if at.tzinfo else None
