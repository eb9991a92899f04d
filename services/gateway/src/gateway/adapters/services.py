"""The way to the other services: on-demand reads, and a look at each every few seconds."""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from gateway.adapters.ledger import write_changes
from gateway.application.ports.services import NotThere, ServiceIsAway, ServiceSeen
from shared.contracts.clusters import ClusterRegistered
from shared.contracts.internal import (
    ConnectionTestRequest,
    ConnectionTestResult,
    EndpointTestRequest,
    EndpointTestResult,
    RuleCheckRequest,
    RuleCheckResult,
    TaskInstances,
    TaskLog,
)
from shared.runtime.clock import now
from shared.runtime.database import Database, why_away
from shared.runtime.internal import InternalClient, InternalSigner, ServiceAway
from shared.runtime.logging import get_logger
from shared.runtime.parts import Readiness

log = get_logger(__name__)

M = TypeVar("M", bound=BaseModel)
LOOK_EVERY = 3.0
TITLES = {"cluster-poller": "cluster-poller", "executor": "executor", "alerter": "alerter"}


def _segment(text: str) -> str:
    return quote(text, safe="")


class InternalServices:
    """The port OnDemand over the internal HTTP interface. Keys are read at the first call."""

    def __init__(self, urls: dict[str, str], keys_dir: Path) -> None:
        self._urls = urls
        self._keys_dir = keys_dir
        self._clients: dict[str, InternalClient] = {}

    def client(self, service: str) -> InternalClient:
        """Return the client of a service."""
        if service not in self._clients:
            signer = InternalSigner(self._keys_dir, issuer="gateway")
            self._clients[service] = InternalClient(self._urls[service], service, signer)
        return self._clients[service]

    async def start(self) -> None:
        """Connections are made when they are needed."""

    async def stop(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.stop()
        self._clients.clear()

    async def test_cluster(self, cluster: ClusterRegistered) -> ConnectionTestResult:
        body = ConnectionTestRequest(cluster=cluster).model_dump_json().encode()
        return await self._post("cluster-poller", "/internal/clusters/test", body, ConnectionTestResult)

    async def task_instances(self, cluster_id: str, dag_id: str, dag_run_id: str) -> TaskInstances:
        path = f"/internal/clusters/{_segment(cluster_id)}/dags/{_segment(dag_id)}/runs/{_segment(dag_run_id)}/tasks"
        return await self._get("cluster-poller", path, {}, TaskInstances)

    async def task_log(
        self, cluster_id: str, dag_id: str, dag_run_id: str, task_id: str, *, try_number: int, map_index: int, token: str | None
    ) -> TaskLog:
        path = (
            f"/internal/clusters/{_segment(cluster_id)}/dags/{_segment(dag_id)}/runs/{_segment(dag_run_id)}/tasks/{_segment(task_id)}/log"
        )
        query = {"try_number": str(try_number), "map_index": str(map_index), **({"token": token} if token else {})}
        return await self._get("cluster-poller", path, query, TaskLog)

    async def test_endpoint(self, request: EndpointTestRequest) -> EndpointTestResult:
        return await self._post("executor", "/internal/endpoints/test", request.model_dump_json().encode(), EndpointTestResult)

    async def check_rule(self, request: RuleCheckRequest) -> RuleCheckResult:
        return await self._post("alerter", "/internal/rules/check", request.model_dump_json().encode(), RuleCheckResult)

    async def _post(self, service: str, path: str, body: bytes, model: type[M]) -> M:
        try:
            return _read(service, await self.client(service).post(path, content=body), model)
        except ServiceAway as away:
            raise ServiceIsAway(away.service, away.reason) from away

    async def _get(self, service: str, path: str, query: dict[str, str], model: type[M]) -> M:
        try:
            return _read(service, await self.client(service).get(path, params=query), model)
        except ServiceAway as away:
            raise ServiceIsAway(away.service, away.reason) from away


def _read(service: str, response: httpx.Response, model: type[M]) -> M:
    if response.status_code >= 400:
        detail = ""
        with contextlib.suppress(ValueError, AttributeError):
            said = response.json()
            detail = str(said.get("detail") or said.get("title") or "")[:500]
        if response.status_code == 404:
            raise NotThere(detail or f"{service} knows no such thing.")
        raise ServiceIsAway(service, detail or f"it refused with {response.status_code}")
    try:
        return model.model_validate_json(response.content)
    except ValidationError as wrong:
        raise ServiceIsAway(service, f"its answer can't be read ({wrong.error_count()} problems)") from wrong


class ServiceWatch:
    """A part that looks at ``/readyz`` of every service, so that pages can say which is away and since when."""

    def __init__(self, services: InternalServices, own: Readiness, database: Database) -> None:
        self._services = services
        self._own = own
        self._database = database
        self._seen = {name: ServiceSeen(name=name) for name in ("gateway", *TITLES)}
        self._task: asyncio.Task[None] | None = None

    def seen(self) -> tuple[ServiceSeen, ...]:
        """Return every service as it was last seen."""
        return tuple(self._seen.values())

    async def start(self) -> None:
        """Begin to look."""
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="service watch")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _watch(self) -> None:
        while True:
            before = {name: seen.up for name, seen in self._seen.items()}
            await asyncio.gather(self._look_at_self(), *(self._look(name) for name in TITLES))
            turned = [name for name, seen in self._seen.items() if seen.up != before[name]]
            if turned:
                await self._tell(turned)
            await asyncio.sleep(LOOK_EVERY)

    async def _tell(self, names: list[str]) -> None:
        """Let browsers hear which services came or went. While the database is away they ask by themselves."""
        try:
            async with self._database.session() as session:
                await write_changes(session, [("service", name) for name in names])
        except Exception as error:  # noqa: BLE001 - the watch goes on
            log.info("a service's change was not told", services=names, reason=why_away(error) or repr(error))

    async def _look_at_self(self) -> None:
        results = await self._own.look()
        reason = "; ".join(f"{name}: {result.reason}" for name, result in results.items() if not result.ok)
        self._note("gateway", up=not reason, reason=reason, at=now())

    async def _look(self, name: str) -> None:
        try:
            response = await self._services.client(name).get("/readyz", seconds=2.0)
            up, reason = response.status_code == 200, "" if response.status_code == 200 else f"answered {response.status_code}"
        except ServiceAway as away:
            up, reason = False, "it answers, but is not ready" if "503" in away.reason else away.reason
        except Exception as error:  # noqa: BLE001 - e.g. keys that are not there yet: the watch goes on and says so
            up, reason = False, f"{type(error).__name__}: {error}"
        self._note(name, up=up, reason=reason, at=now())

    def _note(self, name: str, *, up: bool, reason: str, at: datetime) -> None:
        before = self._seen[name]
        self._seen[name] = ServiceSeen(name=name, up=up, reason=reason, at=at, answered_at=at if up else before.answered_at)
