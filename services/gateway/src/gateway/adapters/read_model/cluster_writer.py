"""Writes what the poller saw, and what became of commands. An older observation never replaces a newer one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from gateway.adapters.ledger import write_changes
from gateway.adapters.tables import Cluster, ClusterCommandRow, ClusterState, Dag, DagRun, DagSweep
from shared.contracts.clusters import ClusterCommandOutcome, ClusterObserved, CommandStatus, Reach
from shared.contracts.dags import DagObservation, DagRunsObserved, DagsObserved

KEEP_RUNS = 100
"""DAG runs that are kept per DAG: the newest ones."""

_PRUNE = text(
    """
    DELETE FROM dag_runs USING (
        SELECT cluster_id, dag_id, dag_run_id,
               row_number() OVER (PARTITION BY cluster_id, dag_id ORDER BY sort_at DESC, dag_run_id DESC) AS place
        FROM dag_runs WHERE cluster_id = :cluster AND dag_id = ANY(:dags)
    ) AS old
    WHERE old.place > :keep AND dag_runs.cluster_id = old.cluster_id AND dag_runs.dag_id = old.dag_id
      AND dag_runs.dag_run_id = old.dag_run_id
    """
).bindparams(bindparam("dags", type_=ARRAY(Text)))

_ORDER = {CommandStatus.ASKED: 0, CommandStatus.SENT: 1, CommandStatus.CONFIRMED: 2, CommandStatus.REFUSED: 2}
_DAG_COLUMNS = ("description", "owners", "tags", "schedule", "next_run_at", "has_import_errors", "file")


async def write_cluster_observations(session: AsyncSession, observed: Sequence[ClusterObserved]) -> None:
    """Keep the newest observation of each cluster, and the newest in which it answered."""
    registered = await _registered(session, {item.cluster_id for item in observed})
    newest: dict[str, dict[str, Any]] = {}
    for item in sorted(observed, key=lambda one: one.observed_at):
        if item.cluster_id not in registered:
            continue
        body = item.model_dump(mode="json")
        answered = item.reach is Reach.ANSWERED
        before = newest.get(item.cluster_id, {})
        newest[item.cluster_id] = {
            "cluster_id": item.cluster_id,
            "observed_at": item.observed_at,
            "reach": item.reach.value,
            "last_answer_at": item.last_answer_at or (item.observed_at if answered else before.get("last_answer_at")),
            "observation": body,
            "answered": body if answered else before.get("answered"),
        }
    if not newest:
        return
    statement = insert(ClusterState)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["cluster_id"],
        set_={
            "observed_at": new.observed_at,
            "reach": new.reach,
            "last_answer_at": func.coalesce(new.last_answer_at, ClusterState.last_answer_at),
            "observation": new.observation,
            "answered": func.coalesce(new.answered, ClusterState.answered),
        },
        where=ClusterState.observed_at <= new.observed_at,
    )
    await session.execute(statement, list(newest.values()))
    await write_changes(session, [("cluster", cluster_id) for cluster_id in newest])


async def write_dag_observations(session: AsyncSession, observed: Sequence[DagObservation]) -> None:
    """Take in lists of DAGs and runs, in order."""
    registered = await _registered(session, {item.cluster_id for item in observed})
    changes: list[tuple[str, str]] = []
    for item in observed:
        if item.cluster_id not in registered:
            continue
        if isinstance(item, DagsObserved):
            changes += await _dags(session, item)
        else:
            changes += await _dag_runs(session, item)
    await write_changes(session, changes)


async def _dags(session: AsyncSession, part: DagsObserved) -> list[tuple[str, str]]:
    ids = [dag.dag_id for dag in part.dags]
    query = select(Dag).where(Dag.cluster_id == part.cluster_id, Dag.dag_id.in_(ids))  # type: ignore[arg-type,attr-defined]
    known = {row.dag_id: row for row in (await session.execute(query)).scalars()}
    fresh: list[dict[str, Any]] = []
    for dag in part.dags:
        before = known.get(dag.dag_id)
        row = dag.model_dump(exclude={"is_paused", "owners", "tags"})
        row.update(owners=list(dag.owners), tags=list(dag.tags), is_paused=dag.is_paused, paused_at=part.observed_at)
        if before is not None:
            if before.observed_at > part.observed_at:
                continue
            if before.paused_at > part.observed_at:
                row.update(is_paused=before.is_paused, paused_at=before.paused_at)
            if before.is_paused == row["is_paused"] and all(getattr(before, name) == row[name] for name in _DAG_COLUMNS):
                continue
        fresh.append({"cluster_id": part.cluster_id, "sweep": part.sweep, "observed_at": part.observed_at, **row})
    if fresh:
        statement = insert(Dag)
        changed = {name: statement.excluded[name] for name in fresh[0] if name not in ("cluster_id", "dag_id")}
        await session.execute(statement.on_conflict_do_update(index_elements=["cluster_id", "dag_id"], set_=changed), fresh)
    await session.execute(
        update(Dag)
        .where(Dag.cluster_id == part.cluster_id, Dag.dag_id.in_(ids), Dag.observed_at <= part.observed_at)  # type: ignore[arg-type,attr-defined]
        .values(sweep=part.sweep, observed_at=part.observed_at)
    )
    gone = await _end_of_sweep(session, part)
    return [("dag", f"{part.cluster_id}/{dag_id}") for dag_id in [row["dag_id"] for row in fresh] + gone]


async def _end_of_sweep(session: AsyncSession, part: DagsObserved) -> list[str]:
    """Count the parts; when the last one of a list without gaps is in, remove what the list lacks."""
    statement = insert(DagSweep).values(cluster_id=part.cluster_id, sweep=part.sweep, seen=1, observed_at=part.observed_at)
    statement = statement.on_conflict_do_update(
        index_elements=["cluster_id"],
        set_={
            "seen": text("CASE WHEN dag_sweeps.sweep = excluded.sweep THEN dag_sweeps.seen + 1 ELSE 1 END"),
            "sweep": statement.excluded.sweep,
            "observed_at": statement.excluded.observed_at,
        },
    )
    seen = (await session.execute(statement.returning(DagSweep.seen))).scalar_one()  # type: ignore[call-overload]
    if part.part != part.parts - 1 or seen < part.parts:
        return []
    left = delete(Dag).where(
        Dag.cluster_id == part.cluster_id,  # type: ignore[arg-type]
        Dag.sweep != part.sweep,  # type: ignore[arg-type]
        Dag.observed_at < part.observed_at,  # type: ignore[arg-type]
    )
    gone = list((await session.execute(left.returning(Dag.dag_id))).scalars())  # type: ignore[call-overload]
    if gone:
        await session.execute(delete(DagRun).where(DagRun.cluster_id == part.cluster_id, DagRun.dag_id.in_(gone)))  # type: ignore[arg-type,attr-defined]
    return gone


async def _dag_runs(session: AsyncSession, item: DagRunsObserved) -> list[tuple[str, str]]:
    newest = {(run.dag_id, run.dag_run_id): run for run in item.runs}
    if newest:
        rows = [{"cluster_id": item.cluster_id, "observed_at": item.observed_at, **run.model_dump()} for run in newest.values()]
        statement = insert(DagRun)
        kept = ("cluster_id", "dag_id", "dag_run_id", "task_counts")
        changed: dict[str, Any] = {name: statement.excluded[name] for name in rows[0] if name not in kept}
        changed["task_counts"] = func.coalesce(statement.excluded.task_counts, DagRun.task_counts)
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["cluster_id", "dag_id", "dag_run_id"],
                set_=changed,
                where=DagRun.observed_at <= statement.excluded.observed_at,
            ),
            rows,
        )
        dags = sorted({dag_id for dag_id, _ in newest})
        await session.execute(_PRUNE, {"cluster": item.cluster_id, "dags": dags, "keep": KEEP_RUNS})
    for dag_id, dag_run_id in item.removed:
        await session.execute(
            delete(DagRun).where(DagRun.cluster_id == item.cluster_id, DagRun.dag_id == dag_id, DagRun.dag_run_id == dag_run_id)  # type: ignore[arg-type]
        )
    touched = [*newest, *item.removed]
    return [
        *(("dag", f"{item.cluster_id}/{dag_id}") for dag_id in dict.fromkeys(dag_id for dag_id, _ in touched)),
        *(("dag_run", f"{item.cluster_id}/{dag_id}/{dag_run_id}") for dag_id, dag_run_id in touched),
    ]


async def write_command_outcomes(session: AsyncSession, outcomes: Sequence[ClusterCommandOutcome]) -> None:
    """Move commands forward, never back, and take what was read back as the newest word on a DAG's pause."""
    changes: list[tuple[str, str]] = []
    for outcome in outcomes:
        row = await session.get(ClusterCommandRow, outcome.command_id, with_for_update=True)
        if row is None or _ORDER[outcome.status] < _ORDER[CommandStatus(row.status)]:
            continue
        row.status, row.reason, row.observed = outcome.status.value, outcome.reason, outcome.observed
        row.dag_run_id = outcome.dag_run_id or row.dag_run_id
        if outcome.status is CommandStatus.SENT:
            row.sent_at = outcome.at
        elif outcome.status is not CommandStatus.ASKED:
            row.settled_at = outcome.at
        changes.append(("command", outcome.command_id))
        paused = outcome.observed.get("is_paused")
        if outcome.status is CommandStatus.CONFIRMED and row.dag_id and isinstance(paused, bool):
            await _pause_confirmed(session, row.cluster_id, row.dag_id, paused, outcome.at)
        if row.dag_id:
            changes.append(("dag", f"{row.cluster_id}/{row.dag_id}"))
    await session.flush()
    await write_changes(session, changes)


async def _pause_confirmed(session: AsyncSession, cluster_id: str, dag_id: str, paused: bool, at: datetime) -> None:
    await session.execute(
        update(Dag)
        .where(Dag.cluster_id == cluster_id, Dag.dag_id == dag_id, Dag.paused_at < at)  # type: ignore[arg-type]
        .values(is_paused=paused, paused_at=at)
    )


async def _registered(session: AsyncSession, ids: set[str]) -> set[str]:
    return set((await session.execute(select(Cluster.id).where(Cluster.id.in_(sorted(ids))))).scalars())  # type: ignore[call-overload,attr-defined]
