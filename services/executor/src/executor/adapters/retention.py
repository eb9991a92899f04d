"""What of the executor's tables is past its time: finished runs, with their journal and checkpoints."""

from collections.abc import Mapping

import asyncpg

from shared.runtime.retention import Forget

# A run that somebody owns, that a request waits for, or of which Kafka may not have every event yet, stays. The inbox is kept by
# the outbox's relay, which forgets events that no topic can bring again.
_FORGET = """
WITH old AS MATERIALIZED (
    SELECT r.run_id FROM runs AS r
    WHERE r.ended_at < statement_timestamp() - make_interval(secs => $1) AND r.owner IS NULL
      AND NOT EXISTS (SELECT FROM requests AS q WHERE q.run_id = r.run_id)
      AND NOT EXISTS (SELECT FROM journal AS j JOIN executors AS e USING (epoch) WHERE j.run_id = r.run_id AND j.batch > e.published)
    ORDER BY r.ended_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED
), entries AS (
    DELETE FROM journal USING old WHERE journal.run_id = old.run_id RETURNING 1
), places AS (
    DELETE FROM checkpoints USING old WHERE checkpoints.run_id = old.run_id
), plans AS (
    DELETE FROM waits USING old WHERE waits.run_id = old.run_id
), gone AS (
    DELETE FROM runs USING old WHERE runs.run_id = old.run_id RETURNING 1
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM entries)
"""
_DAY = 86_400.0


def finished_runs(days: float, *, most: int = 500) -> Forget:
    """Return what removes finished runs older than so many days, ``most`` at a time, the oldest first."""

    async def forget(connection: asyncpg.Connection) -> Mapping[str, int]:
        runs, entries = await connection.fetchrow(_FORGET, days * _DAY, most)
        return {"runs": runs, "journal": entries}

    return forget
