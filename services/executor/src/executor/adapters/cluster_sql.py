"""The statements behind ``clusters.py``."""

from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Boolean, DateTime, Text

NAMED = "SELECT cluster_id FROM clusters WHERE name = $1 ORDER BY revision DESC LIMIT 1"

KEEP = """
INSERT INTO clusters (cluster_id, name, revision) VALUES (:cluster_id, :name, :revision)
ON CONFLICT (cluster_id) DO UPDATE SET name = excluded.name, revision = excluded.revision WHERE clusters.revision <= excluded.revision
"""
DROP = ("DELETE FROM clusters WHERE cluster_id = :cluster_id", "DELETE FROM dag_runs WHERE cluster_id = :cluster_id")
REACH = """
UPDATE clusters SET reach = :reach, detail = :detail, observed_at = :at
WHERE cluster_id = :cluster_id AND (observed_at IS NULL OR observed_at <= :at)
"""

WANT = """
INSERT INTO dag_waits (wait_id, cluster_id, dag_id, dag_run_id, attempt, command_id, command_status)
VALUES (:wait_id, :cluster_id, :dag_id, :dag_run_id, :attempt, :command_id, :status)
ON CONFLICT (wait_id) DO UPDATE
SET attempt = excluded.attempt, command_id = excluded.command_id, command_status = excluded.command_status, reason = ''
WHERE dag_waits.command_status = 'refused' AND excluded.attempt > dag_waits.attempt
RETURNING wait_id
"""
OUTCOME = """
UPDATE dag_waits SET command_status = :status, reason = :reason
WHERE command_id = :command_id AND command_status NOT IN ('confirmed', 'refused') RETURNING wait_id
"""
NEWS = """
SELECT w.wait_id, w.since, clock_timestamp() AS now, w.dag_run_id, w.command_status, w.reason, r.dag_run_id AS found_id, r.state,
       r.started_at, r.ended_at, c.cluster_id IS NOT NULL AS registered, c.reach, c.detail, c.observed_at
FROM dag_waits AS w
LEFT JOIN clusters AS c ON c.cluster_id = w.cluster_id
LEFT JOIN LATERAL (
    (SELECT * FROM dag_runs AS one WHERE one.cluster_id = w.cluster_id AND one.dag_id = w.dag_id AND one.dag_run_id = w.dag_run_id)
    UNION ALL
    (SELECT * FROM dag_runs AS one WHERE w.dag_run_id IS NULL AND one.cluster_id = w.cluster_id AND one.dag_id = w.dag_id
         AND one.news AND one.first_seen_at >= w.since ORDER BY one.first_seen_at, one.sort_at LIMIT 1)
) AS r ON true
WHERE w.wait_id = ANY($1::text[])
"""
PIN = "UPDATE dag_waits SET dag_run_id = $2 WHERE wait_id = $1 AND dag_run_id IS NULL"

TIDY = (
    "DELETE FROM dag_runs WHERE state IN ('success', 'failed', 'removed') AND seen_at < clock_timestamp() - interval '3 days'",
    "DELETE FROM dag_waits WHERE since < clock_timestamp() - interval '90 days'",
)

RUN_COLUMNS = ("cluster_ids", "dag_ids", "dag_run_ids", "states", "sorted_at", "started", "ended", "seen", "news")
_TYPES: tuple[Any, ...] = (
    Text,
    Text,
    Text,
    Text,
    DateTime(timezone=True),
    DateTime(timezone=True),
    DateTime(timezone=True),
    DateTime(timezone=True),
    Boolean,
)

KEEP_RUNS = text("""
INSERT INTO dag_runs AS known (cluster_id, dag_id, dag_run_id, state, sort_at, started_at, ended_at, seen_at, first_seen_at, news)
SELECT c, d, r, s, at, began, done, seen, seen, news
FROM unnest(:cluster_ids, :dag_ids, :dag_run_ids, :states, :sorted_at, :started, :ended, :seen, :news)
     AS one (c, d, r, s, at, began, done, seen, news)
ON CONFLICT (cluster_id, dag_id, dag_run_id) DO UPDATE
SET state = excluded.state, seen_at = excluded.seen_at, sort_at = excluded.sort_at,
    started_at = coalesce(excluded.started_at, known.started_at), ended_at = excluded.ended_at
WHERE known.seen_at <= excluded.seen_at
""").bindparams(*(bindparam(name, type_=ARRAY(kind)) for name, kind in zip(RUN_COLUMNS, _TYPES, strict=True)))
