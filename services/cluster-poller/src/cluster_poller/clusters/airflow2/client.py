"""The REST API of Airflow 2 (``/api/v1``) as the poller uses it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from cluster_poller.application.ports import ClusterApi
from cluster_poller.clusters import answers
from cluster_poller.clusters.airflow2.config import BATCH_ROWS, OLDEST, PREFIX, TASKS_BY_RUN_IDS
from cluster_poller.clusters.airflow2.logs import has_ended, read_content
from cluster_poller.clusters.airflow2.sign_in import SessionSignIn
from cluster_poller.clusters.answers import Row
from cluster_poller.clusters.connection import Credentials
from cluster_poller.clusters.http import ClusterHttp, Params, Reply, check
from cluster_poller.clusters.paging import read_pages
from cluster_poller.clusters.rest import MOST_TASK_PAGES, RestCluster, run_key, task_key, tasks_path
from cluster_poller.clusters.versions import parse_version
from cluster_poller.domain.snapshot import Api, RunKey
from shared.contracts.clusters import ClusterRegistered, TriggerDag
from shared.contracts.dags import DagSeen
from shared.contracts.internal import LogLine


class Airflow2(RestCluster):
    """One cluster by ``/api/v1``."""

    api: Api = "v1"
    prefix = PREFIX
    health_path = "/health"
    absent: ClassVar[Mapping[str, str]] = {
        "dag_processor": "In this cluster the scheduler parses the DAG files itself.",
        "triggerer": "This cluster runs no triggerer; deferrable tasks would wait for ever.",
    }
    sort_time = "execution_date"
    operator = "operator"
    import_error_order = "import_error_id"

    def __init__(self, http: ClusterHttp, sign_in: SessionSignIn, version: str) -> None:
        super().__init__(http, version)
        self._sign_in = sign_in

    async def call(self, method: str, path: str, *, params: Params | None = None, body: Any = None, seconds: float | None = None) -> Reply:
        """Send with credentials; after a 403 sign in again once if the session may be over."""
        for last in (False, True):
            headers = await self._sign_in.headers() | {"Accept": "application/json"}
            reply = await self._http.send(method, PREFIX + path, params=params, body=body, headers=headers, seconds=seconds)
            if reply.status not in {401, 403}:
                self._sign_in.proven()
                return await check(reply)
            if last or not await self._sign_in.renew():
                raise self._sign_in.refusal(reply.source)
        raise AssertionError("unreachable")  # the second round always returns or raises

    async def changed_task_runs(self, since: datetime) -> frozenset[RunKey] | None:  # noqa: ARG002 - the batch read is as cheap
        return None

    async def task_counts(self, runs: Sequence[RunKey]) -> Mapping[RunKey, Mapping[str, int]]:
        """Count the task instances of some runs: one batch request for all, or one per run before 2.8."""
        if not runs:
            return {}
        if parse_version(self.version) < TASKS_BY_RUN_IDS:
            return {key: answers.count_states(rows) for key in runs if (rows := await self._tasks(*key)) is not None}
        body = {"dag_ids": sorted({dag for dag, _ in runs}), "dag_run_ids": sorted({run for _, run in runs}), "page_limit": BATCH_ROWS}

        async def fetch(start: int) -> Reply:
            return await self.call("POST", "/dags/~/dagRuns/~/taskInstances/list", body=body | {"page_offset": start})

        read = await read_pages(fetch, name="task_instances", key=task_key, most_pages=MOST_TASK_PAGES, page=BATCH_ROWS)
        if not read.complete:
            return {}  # too many to count within the budget: unknown is better than too few
        by_run: dict[RunKey, list[Row]] = defaultdict(list)
        for row in read.rows:
            by_run[run_key(row)].append(row)
        return {key: answers.count_states(by_run.get(key, ())) for key in runs}

    async def _tasks(self, dag_id: str, dag_run_id: str) -> tuple[Row, ...] | None:
        read = await self.pages(tasks_path(dag_id, dag_run_id), "task_instances", {}, task_key, pages=MOST_TASK_PAGES)
        return read.rows if read.complete else None

    def read_dag(self, row: Row) -> DagSeen:
        schedule = row.get("schedule_interval")
        value = schedule.get("value") if isinstance(schedule, dict) else schedule
        return answers.dag(
            row, schedule=str(value or row.get("timetable_description") or ""), next_run="next_dagrun_create_after", file="fileloc"
        )

    def trigger_body(self, what: TriggerDag) -> dict[str, Any]:
        body: dict[str, Any] = {"dag_run_id": what.dag_run_id, "conf": what.conf}
        return body | ({"note": what.note} if what.note else {})

    def read_log(self, content: Any) -> tuple[LogLine, ...]:
        return read_content(str(content or "[]"))

    def log_ended(self, token: str | None) -> bool:
        return has_ended(token)


class _Major:
    """What ``registry.py`` lists."""

    prefix: str = PREFIX
    oldest: tuple[int, ...] = OLDEST
    name: str = "Airflow 2"

    def connect(self, http: ClusterHttp, cluster: ClusterRegistered, credentials: Credentials, version: str) -> ClusterApi:
        return Airflow2(http, SessionSignIn(http, cluster.sign_in, credentials.username, credentials.secret), version)


MAJOR = _Major()
