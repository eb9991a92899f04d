"""What both dialects of Airflow's REST API have in common; a dialect adds its paths, names, sign-in and peculiarities."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from cluster_poller.application.ports import HealthReading, LogReading, QueueReading, RunsReading, TasksReading
from cluster_poller.clusters import answers
from cluster_poller.clusters.answers import Row
from cluster_poller.clusters.http import LONGEST_WRITE_SECONDS, ClusterHttp, Params, Reply, check
from cluster_poller.clusters.paging import PAGE, Pages, read_pages
from cluster_poller.domain.health import COMPONENTS
from cluster_poller.domain.snapshot import Api, RunKey
from cluster_poller.domain.trouble import NotThere
from shared.contracts.clusters import ImportError_, TriggerDag
from shared.contracts.dags import DagRunSeen, DagSeen
from shared.contracts.internal import LogLine

MOST_RUN_PAGES = 10
MOST_DAG_PAGES = 200
MOST_TASK_PAGES = 5


class RestCluster(ABC):
    """One cluster behind its REST API. Raises ClusterTrouble and nothing else."""

    api: Api
    prefix: ClassVar[str]
    health_path: ClassVar[str]
    absent: ClassVar[Mapping[str, str]]
    """Parts that such a cluster may do without → what that means."""
    sort_time: ClassVar[str]
    """The time that runs are ordered by."""
    operator: ClassVar[str]
    import_error_order: ClassVar[str]

    def __init__(self, http: ClusterHttp, version: str) -> None:
        self._http = http
        self.version = version

    @property
    def requests(self) -> int:
        return self._http.requests

    @abstractmethod
    async def call(self, method: str, path: str, *, params: Params | None = None, body: Any = None, seconds: float | None = None) -> Reply:
        """Send one request with credentials and give its good answer."""

    @abstractmethod
    def read_dag(self, row: Row) -> DagSeen: ...

    @abstractmethod
    def trigger_body(self, what: TriggerDag) -> dict[str, Any]: ...

    @abstractmethod
    def read_log(self, content: Any) -> tuple[LogLine, ...]: ...

    @abstractmethod
    def log_ended(self, token: str | None) -> bool: ...

    async def pages(
        self, path: str, name: str, params: Mapping[str, Any], key: Callable[[Row], Hashable], *, pages: int, offset: int = 0
    ) -> Pages:
        async def fetch(start: int) -> Reply:
            return await self.call("GET", path, params={**params, "limit": PAGE, "offset": start})

        return await read_pages(fetch, name=name, key=key, most_pages=pages, offset=offset)

    async def read_version(self) -> str:
        reply = await check(await self._http.send("GET", self.prefix + "/version", headers={"Accept": "application/json"}))
        self.version = answers.needed(await reply.object(), "version", "version answer", 40)
        return self.version

    async def prove_sign_in(self) -> None:
        """Read what any role may read; raises when the credentials are no good."""
        await self.call("GET", "/dags", params={"limit": 1})

    async def health(self) -> HealthReading:
        reply = await check(await self._http.send("GET", self.prefix + self.health_path, headers={"Accept": "application/json"}))
        body = await reply.object()
        answers.check_health(body, reply.source)
        return HealthReading(
            components=tuple(answers.component(body, name, absent_means=self.absent.get(name)) for name in COMPONENTS),
            cluster_now=reply.date or reply.received_at,
            dated=reply.date is not None,
            source=reply.source,
        )

    async def changed_runs(self, since: datetime, *, offset: int) -> RunsReading:
        return await self._runs({"updated_at_gte": utc(since), "order_by": "updated_at"}, MOST_RUN_PAGES, offset=offset)

    async def newest_runs(self, *, pages: int) -> RunsReading:
        return await self._runs({"order_by": "-id"}, pages)

    async def active_runs(self) -> RunsReading:
        return await self._runs({"state": ["queued", "running"], "order_by": "id"}, MOST_RUN_PAGES)

    async def _runs(self, params: Mapping[str, Any], pages: int, *, offset: int = 0) -> RunsReading:
        read = await self.pages("/dags/~/dagRuns", "dag_runs", params, run_key, pages=pages, offset=offset)
        return RunsReading(
            runs=tuple(self.read_run(row) for row in read.rows),
            complete=read.complete,
            next_offset=read.next_offset,
            cluster_now=read.first.date or read.first.received_at,
        )

    async def run(self, dag_id: str, dag_run_id: str) -> DagRunSeen | None:
        try:
            reply = await self.call("GET", f"/dags/{_part(dag_id)}/dagRuns/{_part(dag_run_id)}")
        except NotThere:
            return None
        return self.read_run(await reply.object())

    async def dags(self) -> tuple[DagSeen, ...]:
        read = await self.pages("/dags", "dags", {"order_by": "dag_id"}, lambda row: row.get("dag_id"), pages=MOST_DAG_PAGES)
        read.require_all("DAGs")
        return tuple(self.read_dag(row) for row in read.rows)

    async def dag(self, dag_id: str) -> DagSeen:
        return self.read_dag(await (await self.call("GET", f"/dags/{_part(dag_id)}")).object())

    async def import_errors(self) -> tuple[ImportError_, ...]:
        read = await self.pages(
            "/importErrors", "import_errors", {"order_by": self.import_error_order}, lambda row: row.get("import_error_id"), pages=1
        )
        return tuple(answers.import_error(row) for row in read.rows)

    async def queue(self) -> QueueReading:
        read = await self.pages("/pools", "pools", {}, lambda row: row.get("name"), pages=5)
        queued = sum(answers.number(row, "queued_slots") for row in read.rows)
        if not queued:
            return QueueReading(0, None)
        waiting = await self.call("GET", "/dags/~/dagRuns/~/taskInstances", params={"state": ["queued"], "limit": PAGE})
        times = [
            at
            for row in answers.rows(await waiting.object(), "task_instances", waiting.source)
            if (at := answers.moment(row, "queued_when"))
        ]
        return QueueReading(queued, min(times, default=None))

    async def pause(self, dag_id: str, *, paused: bool) -> None:
        await self.call(
            "PATCH",
            f"/dags/{_part(dag_id)}",
            params={"update_mask": "is_paused"},
            body={"is_paused": paused},
            seconds=LONGEST_WRITE_SECONDS,
        )

    async def trigger(self, what: TriggerDag) -> None:
        await self.call("POST", f"/dags/{_part(what.dag_id)}/dagRuns", body=self.trigger_body(what), seconds=LONGEST_WRITE_SECONDS)

    async def tasks(self, dag_id: str, dag_run_id: str) -> TasksReading:
        read = await self.pages(tasks_path(dag_id, dag_run_id), "task_instances", {}, task_key, pages=MOST_TASK_PAGES)
        return TasksReading(tuple(answers.task_instance(row, operator=self.operator) for row in read.rows), cut=not read.complete)

    async def log(self, dag_id: str, dag_run_id: str, task_id: str, *, try_number: int, map_index: int, token: str | None) -> LogReading:
        params: dict[str, str | int] = {"full_content": "false"}
        if map_index >= 0:
            params["map_index"] = map_index
        if token:
            params["token"] = token
        path = f"{tasks_path(dag_id, dag_run_id)}/{_part(task_id)}/logs/{try_number}"
        body = await (await self.call("GET", path, params=params)).object()
        next_token = body.get("continuation_token")
        next_token = next_token if isinstance(next_token, str) else None
        lines = await asyncio.to_thread(self.read_log, body.get("content"))
        ended = self.log_ended(next_token)
        return LogReading(lines, None if ended else next_token, ended)

    def read_run(self, row: Row) -> DagRunSeen:
        dag_id, dag_run_id = run_key(row)
        return DagRunSeen(
            dag_id=dag_id,
            dag_run_id=dag_run_id,
            state=answers.needed(row, "state", "DAG run", 40),
            run_type=answers.text(row, "run_type", 40),
            sort_at=answers.moment(row, self.sort_time) or answers.moment(row, "logical_date") or datetime.fromtimestamp(0, UTC),
            started_at=answers.moment(row, "start_date"),
            ended_at=answers.moment(row, "end_date"),
            note=answers.text(row, "note"),
        )


def _part(value: str) -> str:
    return quote(value, safe="~")


def tasks_path(dag_id: str, dag_run_id: str) -> str:
    return f"/dags/{_part(dag_id)}/dagRuns/{_part(dag_run_id)}/taskInstances"


def utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def run_key(row: Row) -> RunKey:
    return (answers.needed(row, "dag_id", "DAG run"), answers.needed(row, "dag_run_id", "DAG run"))


def task_key(row: Row) -> tuple[str, str, str, int]:
    return (*run_key(row), answers.needed(row, "task_id", "task instance"), answers.number(row, "map_index"))
