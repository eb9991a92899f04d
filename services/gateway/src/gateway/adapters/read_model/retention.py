"""What of the read model of runs is past its time: finished runs with everything that is told of them."""

from collections.abc import Mapping

import asyncpg

from shared.runtime.retention import Forget

_BELONGING = ("run_events", "run_attempts", "run_components", "run_words")
"""Tables that hold something of a run by its ``run_id``, and nothing after it is gone."""

_BELONGINGS = ", ".join(
    f"{table}_gone AS (DELETE FROM {table} USING old WHERE {table}.run_id = old.run_id RETURNING 1)"  # noqa: S608 - our own names
    for table in _BELONGING
)
_FORGET = f"""
WITH old AS MATERIALIZED (
    SELECT run_id FROM runs WHERE finished_at < statement_timestamp() - make_interval(secs => $1)
    ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED
), {_BELONGINGS}, gone AS (
    DELETE FROM runs USING old WHERE runs.run_id = old.run_id RETURNING 1
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM run_events_gone)
"""  # noqa: S608 - our own names
_DAY = 86_400.0


def finished_runs(days: float, *, most: int = 500) -> Forget:
    """Return what removes finished runs older than so many days, ``most`` at a time, the oldest first."""

    async def forget(connection: asyncpg.Connection) -> Mapping[str, int]:
        runs, events = await connection.fetchrow(_FORGET, days * _DAY, most)
        return {"runs": runs, "run_events": events}

    return forget
