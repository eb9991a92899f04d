"""Services that are called over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from executor.application.http_calls import exchange, reached, refusal
from executor.application.http_clients import HttpClients
from executor.application.ports import Endpoint, Work
from executor.connectors.service.config import KIND
from executor.domain.durations import seconds_of
from shared.runtime.egress import Egress


class ServiceConnector:
    kind = KIND

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._clients = HttpClients(egress)

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        answer = await reached(self._egress, endpoint)
        return {"status": answer.status_code, "server": answer.headers.get("server", "")}

    @asynccontextmanager
    async def caller(self, work: Work, *, calls: int = 1) -> AsyncIterator["ServiceCaller"]:
        endpoint, options = work.place.system, work.place.options
        async with self._clients.of(endpoint, calls=calls) as client:
            yield ServiceCaller(client, endpoint, options)


class ServiceCaller:
    """Makes the calls of one attempt over kept connections."""

    def __init__(self, client: httpx.AsyncClient, endpoint: Endpoint, options: Any) -> None:
        self._client = client
        self._endpoint = endpoint
        self._seconds = seconds_of(options.timeout)
        self._what: tuple[str, str] = (options.method, endpoint.options.base_url.rstrip("/") + options.path)

    async def call(self, body: bytes, *, key: str, headers: dict[str, str], content_type: str) -> None:
        given = headers | {"Idempotency-Key": key, "Content-Type": content_type}
        answer = await exchange(self._client, self._endpoint, self._what, body, given, seconds=self._seconds)
        if not 200 <= answer.status_code < 300:
            raise refusal(self._endpoint, answer, self._what)
