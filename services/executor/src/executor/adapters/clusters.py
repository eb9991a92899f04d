"""What the cluster-poller says, kept for those who wait: names and reach of clusters, DAG runs, and the waits themselves."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from executor.adapters import cluster_sql as sql
from executor.application.clusters import DagRunNews, DagWait
from executor.application.copies import Copy
from shared.contracts.clusters import ClusterCommand, ClusterCommandOutcome, ClusterObserved, ClusterRegistered
from shared.contracts.dags import DagObservation, DagRunsObserved
from shared.contracts.topics import CLUSTERS_COMMANDS
from shared.runtime.database import Database, why_away
from shared.runtime.delivery import Outbox, Transaction
from shared.runtime.logging import get_logger
from shared.runtime.tracing import continue_trace

log = get_logger(__name__)

_LOOK_SECONDS = 0.5
_TIDY_SECONDS = 3600.0


class PostgresClusters:
    """A part: answers all waits of this process with one look."""

    def __init__(self, database: Database, outbox: Outbox, copy: Copy) -> None:
        self._database = database
        self._outbox = outbox
        self._copy = copy
        self._waiting: dict[str, list[asyncio.Future[DagRunNews]]] = {}
        self._asked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to look."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._look(), name="DAG runs that are waited for"),
                asyncio.create_task(self._tidy(), name="old DAG runs"),
            ]

    async def stop(self) -> None:
        """Look no more; who still waits was cancelled before."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def named(self, name: str) -> str | None:
        return await self._copy.find(name, self._id_of)

    async def _id_of(self, name: str) -> str | None:
        async with self._database.connection() as connection:
            found: str | None = await connection.fetchval(sql.NAMED, name)
            return found

    async def want(self, wait: DagWait, command: ClusterCommand | None, traceparent: str | None) -> None:
        with continue_trace(traceparent):
            async with self._outbox.transaction() as transaction:
                values = {
                    "wait_id": wait.wait_id,
                    "cluster_id": wait.cluster_id,
                    "dag_id": wait.dag_id,
                    "dag_run_id": wait.dag_run_id,
                    "attempt": wait.attempt,
                    "command_id": None if command is None else command.command_id,
                    "status": None if command is None else "asked",
                }
                begun = (await transaction.session.execute(text(sql.WANT), values)).scalar()
                if begun is not None and command is not None:
                    transaction.publish(CLUSTERS_COMMANDS, command, key=command.cluster_id, event_id=command.command_id)

    async def news(self, wait_id: str) -> DagRunNews:
        answer: asyncio.Future[DagRunNews] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(wait_id, []).append(answer)
        self._asked.set()
        return await answer

    async def _look(self) -> None:
        while True:
            await self._asked.wait()
            await asyncio.sleep(_LOOK_SECONDS)
            self._asked.clear()
            waiting, self._waiting = self._waiting, {}
            wanted = [wait_id for wait_id, answers in waiting.items() if not all(answer.cancelled() for answer in answers)]
            found: dict[str, DagRunNews] = {}
            try:
                if wanted:
                    found = await self._read(wanted)
            except Exception as error:
                reason = why_away(error)
                log.warning("DAG runs can't be looked up", reason=reason, exc_info=None if reason else error)
                await asyncio.sleep(1)
            for wait_id in wanted:
                if wait_id in found:
                    for answer in waiting[wait_id]:
                        if not answer.done():
                            answer.set_result(found[wait_id])
                else:
                    self._waiting.setdefault(wait_id, []).extend(waiting[wait_id])
                    self._asked.set()

    async def _read(self, wait_ids: list[str]) -> dict[str, DagRunNews]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.NEWS, wait_ids)
            pinned = [(row["wait_id"], row["found_id"]) for row in rows if row["dag_run_id"] is None and row["found_id"] is not None]
            if pinned:
                # From here on it is this one, whatever other runs of the DAG come.
                await connection.executemany(sql.PIN, pinned)
        return {
            row["wait_id"]: DagRunNews(
                since=row["since"],
                now=row["now"],
                dag_run_id=row["dag_run_id"] or row["found_id"],
                command=row["command_status"],
                reason=row["reason"],
                state=row["state"],
                started_at=row["started_at"],
                ended_at=row["ended_at"],
                registered=row["registered"],
                reach=row["reach"],
                detail=row["detail"] or "",
                observed_at=row["observed_at"],
            )
            for row in rows
        }

    async def _tidy(self) -> None:
        while True:
            try:
                async with self._database.connection() as connection:
                    for statement in sql.TIDY:
                        await connection.execute(statement)
            except Exception as error:
                reason = why_away(error)
                log.warning("old DAG runs are kept a little longer", reason=reason, exc_info=None if reason else error)
            await asyncio.sleep(_TIDY_SECONDS)


async def keep_cluster(transaction: Transaction, event: ClusterRegistered) -> None:
    """Copy a cluster's name."""
    await transaction.session.execute(text(sql.KEEP), {"cluster_id": event.cluster_id, "name": event.name, "revision": event.revision})


async def drop_cluster(transaction: Transaction, cluster_id: str) -> None:
    """Forget a cluster and its DAG runs."""
    for statement in sql.DROP:
        await transaction.session.execute(text(statement), {"cluster_id": cluster_id})


async def keep_reach(transaction: Transaction, events: Sequence[ClusterObserved]) -> None:
    """Note how the last poll of each cluster ended."""
    newest = {event.cluster_id: event for event in events}
    for cluster_id, event in sorted(newest.items()):
        values = {"cluster_id": cluster_id, "reach": event.reach.value, "detail": event.detail, "at": event.observed_at}
        await transaction.session.execute(text(sql.REACH), values)


async def keep_outcomes(transaction: Transaction, events: Sequence[ClusterCommandOutcome]) -> None:
    """Note how far commands got; most of them are none of ours and change nothing."""
    for event in events:
        values = {"command_id": event.command_id, "status": event.status.value, "reason": event.reason}
        ours = (await transaction.session.execute(text(sql.OUTCOME), values)).scalar()
        state = event.observed.get("state")
        if ours is not None and isinstance(state, str) and event.dag_id and event.dag_run_id:
            row = (event.cluster_id, event.dag_id, event.dag_run_id, state[:40], event.at, None, None, event.at, True)
            await _keep_runs(transaction, [row])


async def keep_dag_runs(transaction: Transaction, events: Sequence[DagObservation]) -> None:
    """Keep the state of each DAG run that was seen."""
    rows: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for event in events:
        if not isinstance(event, DagRunsObserved):
            continue
        for run in event.runs:
            row = (run.dag_id, run.dag_run_id, run.state, run.sort_at, run.started_at, run.ended_at, event.observed_at)
            rows[event.cluster_id, run.dag_id, run.dag_run_id] = (event.cluster_id, *row, not event.first_sight)
        for dag_id, dag_run_id in event.removed:
            at = event.observed_at
            rows[event.cluster_id, dag_id, dag_run_id] = (event.cluster_id, dag_id, dag_run_id, "removed", at, None, None, at, False)
    if rows:
        await _keep_runs(transaction, [rows[key] for key in sorted(rows)])


async def _keep_runs(transaction: Transaction, rows: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    await transaction.session.execute(sql.KEEP_RUNS, dict(zip(sql.RUN_COLUMNS, columns, strict=True)))
