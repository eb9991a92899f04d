"""Reads of DAGs and their runs over all clusters."""

from datetime import datetime
from typing import Any

from gateway.adapters.read_model.rows import Row, Rows, cursor_of, keys_of, like
from gateway.application.answers.base import Page
from gateway.application.answers.dags import DagAnswer, DagRunAnswer
from gateway.application.ports.read_model import DagFilter
from gateway.domain.cluster_health import stale_after
from shared.runtime.clock import now

_DAGS = """
SELECT d.cluster_id, c.name AS cluster, d.dag_id, d.is_paused, d.description, d.owners, d.tags, d.schedule, d.next_run_at,
       d.has_import_errors, d.file, d.observed_at, s.observed_at AS cluster_seen, s.reach, (c.body->>'poll_seconds')::float AS poll_seconds,
       asked.paused AS asked_paused, last.state AS last_state
FROM dags d
JOIN clusters c ON c.id = d.cluster_id
LEFT JOIN cluster_states s ON s.cluster_id = d.cluster_id
LEFT JOIN LATERAL (
    SELECT (k.body->>'paused')::boolean AS paused FROM cluster_commands k
    WHERE k.cluster_id = d.cluster_id AND k.dag_id = d.dag_id AND k.action = 'pause_dag' AND k.status IN ('asked', 'sent')
    ORDER BY k.asked_at DESC LIMIT 1
) asked ON true
LEFT JOIN LATERAL (
    SELECT r.state FROM dag_runs r WHERE r.cluster_id = d.cluster_id AND r.dag_id = d.dag_id
    ORDER BY r.sort_at DESC, r.dag_run_id DESC LIMIT 1
) last ON true
"""
_WHERE = """
WHERE (:cluster = '' OR d.cluster_id = :cluster)
  AND (:tag = '' OR d.tags @> jsonb_build_array(cast(:tag AS text)))
  AND (:words = '' OR d.dag_id ILIKE :pattern OR c.name ILIKE :pattern
       OR EXISTS (SELECT FROM jsonb_array_elements_text(d.owners) AS owner WHERE owner ILIKE :pattern))
"""
_STATE = """
  AND CASE :state WHEN 'all' THEN true WHEN 'paused' THEN d.is_paused WHEN 'active' THEN NOT d.is_paused
      WHEN 'none' THEN last.state IS NULL ELSE last.state = :state END
"""
_RUN = "cluster_id, dag_id, dag_run_id, state, run_type, sort_at, started_at, ended_at, task_counts, note, observed_at"


class DagReads(Rows):
    """What was seen of DAGs."""

    async def dags(self, wanted: DagFilter, *, after: str | None, limit: int, runs: int) -> Page[DagAnswer]:
        name, cluster, dag = keys_of(after, str, str, str) if after else ("", "", "")
        rows = await self._all(
            _DAGS
            + _WHERE
            + _STATE
            + """
            AND (NOT :paged OR (d.dag_id, c.name, d.cluster_id) > (:dag_after, :name_after, :cluster_after))
            ORDER BY d.dag_id, c.name, d.cluster_id LIMIT :limit
            """,
            **_parameters(wanted),
            state=wanted.state,
            paged=after is not None,
            dag_after=dag,
            name_after=name,
            cluster_after=cluster,
            limit=limit + 1,
        )
        shown = rows[:limit]
        newest = await self._newest([(row["cluster_id"], row["dag_id"]) for row in shown], runs)
        items = tuple(_dag(row, newest.get((row["cluster_id"], row["dag_id"]), ())) for row in shown)
        last = items[-1] if items else None
        more = len(rows) > limit and last is not None
        return Page(items=items, next=cursor_of(last.cluster, last.cluster_id, last.dag_id) if more and last else None)

    async def dag(self, cluster_id: str, dag_id: str, *, runs: int) -> DagAnswer | None:
        row = await self._one(_DAGS + "WHERE d.cluster_id = :cluster AND d.dag_id = :dag", cluster=cluster_id, dag=dag_id)
        if row is None:
            return None
        newest = await self._newest([(cluster_id, dag_id)], runs)
        return _dag(row, newest.get((cluster_id, dag_id), ()))

    async def dag_counts(self, wanted: DagFilter) -> dict[str, int]:
        row = await self._one(
            f"""
            SELECT count(*) AS "all", count(*) FILTER (WHERE is_paused) AS paused, count(*) FILTER (WHERE NOT is_paused) AS active,
                   count(*) FILTER (WHERE last_state = 'failed') AS failed, count(*) FILTER (WHERE last_state = 'running') AS running,
                   count(*) FILTER (WHERE last_state = 'queued') AS queued, count(*) FILTER (WHERE last_state = 'success') AS success,
                   count(*) FILTER (WHERE last_state IS NULL) AS "none"
            FROM ({_DAGS + _WHERE}) AS found
            """,  # noqa: S608 - constants of this module; values are bound
            **_parameters(wanted),
        )
        return {} if row is None else {key: int(value) for key, value in row.items()}

    async def tags(self) -> list[str]:
        rows = await self._all("SELECT DISTINCT jsonb_array_elements_text(tags) AS tag FROM dags ORDER BY tag LIMIT 500")
        return [row["tag"] for row in rows]

    async def dag_runs(self, cluster_id: str, dag_id: str, *, after: str | None, limit: int) -> Page[DagRunAnswer]:
        at, run_id = keys_of(after, datetime, str) if after else (None, None)
        rows = await self._all(
            f"""
            SELECT {_RUN} FROM dag_runs WHERE cluster_id = :cluster AND dag_id = :dag
              AND (cast(:at AS timestamptz) IS NULL OR (sort_at, dag_run_id) < (:at, :run))
            ORDER BY sort_at DESC, dag_run_id DESC LIMIT :limit
            """,  # noqa: S608 - constants of this module; values are bound
            cluster=cluster_id,
            dag=dag_id,
            at=at,
            run=run_id,
            limit=limit + 1,
        )
        items = tuple(DagRunAnswer.model_validate(dict(row)) for row in rows[:limit])
        return Page(items=items, next=cursor_of(items[-1].sort_at, items[-1].dag_run_id) if len(rows) > limit else None)

    async def dag_run(self, cluster_id: str, dag_id: str, dag_run_id: str) -> DagRunAnswer | None:
        row = await self._one(
            f"SELECT {_RUN} FROM dag_runs WHERE cluster_id = :cluster AND dag_id = :dag AND dag_run_id = :run",  # noqa: S608
            cluster=cluster_id,
            dag=dag_id,
            run=dag_run_id,
        )
        return None if row is None else DagRunAnswer.model_validate(dict(row))

    async def finished_runs(self, since: datetime, slot_minutes: int) -> list[tuple[datetime, str, int]]:
        rows = await self._all(
            """
            SELECT date_bin(make_interval(mins => :minutes), ended_at, :since) AS slot, state, count(*) AS runs FROM dag_runs
            WHERE ended_at >= :since GROUP BY 1, 2 ORDER BY 1
            """,
            minutes=slot_minutes,
            since=since,
        )
        return [(row["slot"], row["state"], row["runs"]) for row in rows]

    async def activity(self, since: datetime, slot_minutes: int) -> list[tuple[str, datetime, int]]:
        rows = await self._all(
            """
            SELECT cluster_id, date_bin(make_interval(mins => :minutes), ended_at, :since) AS slot, count(*) AS runs FROM dag_runs
            WHERE ended_at >= :since GROUP BY 1, 2
            """,
            minutes=slot_minutes,
            since=since,
        )
        return [(row["cluster_id"], row["slot"], row["runs"]) for row in rows]

    async def failed_by_cluster(self) -> dict[str, int]:
        """How many DAGs of each cluster failed in their newest run."""
        rows = await self._all(f"SELECT cluster_id, count(*) AS failed FROM ({_DAGS}) AS d WHERE last_state = 'failed' GROUP BY 1")  # noqa: S608
        return {row["cluster_id"]: row["failed"] for row in rows}

    async def _newest(self, dags: list[tuple[str, str]], runs: int) -> dict[tuple[str, str], tuple[DagRunAnswer, ...]]:
        if not dags or not runs:
            return {}
        columns = ", ".join(f"r.{name}" for name in _RUN.split(", "))
        rows = await self._all(
            f"""
            SELECT {columns} FROM unnest(cast(:clusters AS text[]), cast(:dags AS text[])) AS d (cluster_id, dag_id)
            CROSS JOIN LATERAL (
                SELECT * FROM dag_runs r WHERE r.cluster_id = d.cluster_id AND r.dag_id = d.dag_id
                ORDER BY r.sort_at DESC, r.dag_run_id DESC LIMIT :runs
            ) r
            """,  # noqa: S608 - constants of this module; values are bound
            clusters=[cluster for cluster, _ in dags],
            dags=[dag for _, dag in dags],
            runs=runs,
        )
        found: dict[tuple[str, str], list[DagRunAnswer]] = {}
        for row in rows:
            found.setdefault((row["cluster_id"], row["dag_id"]), []).append(DagRunAnswer.model_validate(dict(row)))
        return {key: tuple(sorted(value, key=lambda run: (run.sort_at, run.dag_run_id), reverse=True)) for key, value in found.items()}


def _parameters(wanted: DagFilter) -> dict[str, Any]:
    return {"cluster": wanted.cluster_id, "tag": wanted.tag, "words": wanted.words, "pattern": like(wanted.words)}


def _dag(row: Row, runs: tuple[DagRunAnswer, ...]) -> DagAnswer:
    seen = row["cluster_seen"]
    stale_at = None if seen is None or row["reach"] != "answered" else seen + stale_after(row["poll_seconds"] or 5.0)
    stale = stale_at is None or now() > stale_at
    columns = {key: value for key, value in row.items() if key in DagAnswer.model_fields}
    return DagAnswer.model_validate({**columns, "stale": stale, "stale_at": None if stale else stale_at, "runs": runs})
