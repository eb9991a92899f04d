"""Turns of runs in PostgreSQL: which runs of limited workflows go on, and which wait. One lock, so a limit is exact over all executors."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from executor.application.ports import StaleEpoch
from executor.application.run_queue import Wanted
from executor.domain.turns import Lane
from shared.runtime.database import Database

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('executor.turns'))"
_FENCE = "SELECT epoch FROM executors WHERE epoch = $1 AND retired_at IS NULL FOR SHARE"
# The newest version's limit holds for all runs of a workflow.
_ROOMS = """
SELECT w.workflow_id, w.most, (
    SELECT count(*) FROM turns AS t WHERE t.workflow_id = w.workflow_id AND t.taken_by IS NOT NULL AND t.run_id <> ALL($2::text[])
) AS taken, EXISTS (SELECT FROM turns AS t WHERE t.workflow_id = w.workflow_id AND t.taken_by IS NULL) AS waits
FROM (
    SELECT DISTINCT ON (workflow_id) workflow_id, (definition->>'concurrency')::int AS most FROM workflows
    WHERE workflow_id = ANY($1::text[]) ORDER BY workflow_id, version DESC
) AS w
"""
_RESERVE = """
INSERT INTO turns (run_id, workflow_id, priority, taken_by)
SELECT o.run_id, o.workflow_id, o.priority, $1 FROM unnest($2::text[], $3::text[], $4::int[]) AS o (run_id, workflow_id, priority)
ON CONFLICT (run_id) DO UPDATE SET taken_by = excluded.taken_by WHERE NOT EXISTS (SELECT FROM runs WHERE runs.run_id = turns.run_id)
"""
# What an executor had reserved and not begun when its epoch ended.
_BACK = """
UPDATE turns SET taken_by = NULL FROM runs AS r, executors AS e
WHERE e.epoch = turns.taken_by AND e.retired_at IS NOT NULL AND r.run_id = turns.run_id AND r.status = 'queued'
"""
_GONE = """
DELETE FROM turns USING executors AS e WHERE e.epoch = turns.taken_by AND e.retired_at IS NOT NULL
AND NOT EXISTS (SELECT FROM runs AS r WHERE r.run_id = turns.run_id AND r.ended_at IS NULL)
"""
# A run that another executor began waits until Kafka has what was said of it, so that its events come in their order.
_LANES = """
WITH RECURSIVE lanes AS (
    (SELECT workflow_id, priority FROM turns WHERE taken_by IS NULL ORDER BY workflow_id, priority LIMIT 1)
    UNION ALL
    SELECT further.* FROM lanes CROSS JOIN LATERAL (
        SELECT t.workflow_id, t.priority FROM turns AS t
        WHERE t.taken_by IS NULL AND (t.workflow_id, t.priority) > (lanes.workflow_id, lanes.priority)
        ORDER BY t.workflow_id, t.priority LIMIT 1
    ) AS further
)
SELECT lanes.workflow_id, lanes.priority, first.run_id, first.number FROM lanes CROSS JOIN LATERAL (
    SELECT t.run_id, t.number FROM turns AS t JOIN runs AS r USING (run_id)
    WHERE t.taken_by IS NULL AND t.workflow_id = lanes.workflow_id AND t.priority = lanes.priority
      AND r.status = 'queued' AND (r.owner IS NULL OR r.owner = $1)
      AND NOT EXISTS (
          SELECT FROM journal AS j JOIN executors AS e USING (epoch)
          WHERE j.run_id = t.run_id AND j.epoch <> $1 AND e.settled_at IS NULL AND j.batch > e.published)
    ORDER BY t.number LIMIT $2
) AS first
"""
_OWN = "UPDATE runs SET owner = $1 WHERE run_id = ANY($2::text[]) AND (owner IS NULL OR owner = $1) RETURNING run_id"
_TAKE = "UPDATE turns SET taken_by = $1 WHERE run_id = ANY($2::text[])"
_OURS = "SELECT run_id FROM turns JOIN runs USING (run_id) WHERE taken_by = $1 AND status = 'queued'"

Choose = Callable[[Sequence[Lane], dict[str, int | None], int], list[str]]


class PostgresTurns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM turns WHERE taken_by IS NULL)"))

    async def reserve(self, epoch: int, wanted: Sequence[Wanted]) -> set[str]:
        async with self._database.connection() as connection, connection.transaction():
            await _locked(connection, epoch)
            asked = [want.run_id for want in wanted]
            rows = await connection.fetch(_ROOMS, list({want.workflow_id for want in wanted}), asked)
            # Who comes now stands behind those that wait already.
            left = {row["workflow_id"]: 0 if row["waits"] else row["most"] - row["taken"] for row in rows if row["most"] is not None}
            granted: list[Wanted] = []
            for want in sorted(wanted, key=lambda want: -want.priority):
                room = left.get(want.workflow_id)
                if room is None or room > 0:
                    granted.append(want)
                    if room is not None:
                        left[want.workflow_id] = room - 1
            if granted:
                columns = zip(*((want.run_id, want.workflow_id, want.priority) for want in granted), strict=True)
                await connection.execute(_RESERVE, epoch, *(list(column) for column in columns))
            return {want.run_id for want in granted}

    async def give_back(self, epoch: int, run_id: str) -> None:
        query = "DELETE FROM turns WHERE run_id = $2 AND taken_by = $1 AND NOT EXISTS (SELECT FROM runs WHERE run_id = $2)"
        async with self._database.connection() as connection:
            await connection.execute(query, epoch, run_id)

    async def release(self, epoch: int, most: int, choose: Choose) -> list[str]:
        async with self._database.connection() as connection, connection.transaction():
            await _locked(connection, epoch)
            await connection.execute(_BACK)
            await connection.execute(_GONE)
            lanes = _lanes(await connection.fetch(_LANES, epoch, most))
            if lanes:
                rows = await connection.fetch(_ROOMS, list({lane.workflow_id for lane in lanes}), [])
                rooms = {row["workflow_id"]: None if row["most"] is None else max(0, row["most"] - row["taken"]) for row in rows}
                owned = await connection.fetch(_OWN, epoch, choose(lanes, rooms, most))
                await connection.execute(_TAKE, epoch, [row[0] for row in owned])
            return [row[0] for row in await connection.fetch(_OURS, epoch)]


async def _locked(connection: Any, epoch: int) -> None:
    await connection.execute(_LOCK)
    if await connection.fetchval(_FENCE, epoch) is None:
        raise StaleEpoch(f"epoch {epoch} is over")


def _lanes(rows: Iterable[Any]) -> list[Lane]:
    lanes: dict[tuple[str, int], Lane] = {}
    for workflow_id, priority, run_id, number in rows:
        lane = lanes.setdefault((workflow_id, priority), Lane(workflow_id, priority, [], []))
        lane.places.append((run_id, ""))
        lane.numbers.append(number)
    return list(lanes.values())
