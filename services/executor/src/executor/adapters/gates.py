"""The gates of endpoints in PostgreSQL: one transaction, under the gate's row lock, takes in what came and ended and lets the next ones on.

So a limit holds over all executors, by the database's clock. Slots of executors that are gone are free at the next look.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from executor.application.gates import Asking, Ended, Look, Place
from executor.domain.gate import Gate
from executor.domain.turns import Lane, Turns
from shared.contracts.endpoints import EndpointLimits
from shared.runtime.database import Database

_MOST = 500
"""Attempts let on by one transaction; the next one goes on."""

_GATE = """
SELECT g.failures, g.opened_until, g.tokens, g.filled_at, g.turn, g.served::text, e.limits::text AS limits, clock_timestamp() AS now
FROM gates AS g LEFT JOIN endpoints AS e USING (endpoint_id) WHERE g.endpoint_id = $1 FOR UPDATE OF g
"""
_DEAD = """
DELETE FROM slots USING executors AS e WHERE slots.endpoint_id = $1 AND e.epoch = slots.epoch AND e.retired_at IS NOT NULL
"""
_ENDED = """
DELETE FROM slots USING unnest($2::text[], $3::text[]) AS o (run_id, component)
WHERE slots.run_id = o.run_id AND slots.component = o.component AND slots.epoch = $1 AND slots.endpoint_id = $4
RETURNING slots.run_id, slots.component, slots.granted_at IS NOT NULL AS granted, slots.trial
"""
_ARRIVED = """
INSERT INTO slots (endpoint_id, epoch, run_id, component, workflow_id, priority, retry)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::int[], $7::bool[])
WHERE EXISTS (SELECT FROM executors WHERE epoch = $2 AND retired_at IS NULL)
ON CONFLICT (run_id, component) DO UPDATE SET endpoint_id = excluded.endpoint_id, epoch = excluded.epoch, priority = excluded.priority,
    retry = excluded.retry, granted_at = NULL, trial = false
"""
_HURRIED = """
UPDATE slots SET retry = false FROM unnest($2::text[], $3::text[]) AS o (run_id, component)
WHERE slots.run_id = o.run_id AND slots.component = o.component AND slots.epoch = $1
"""
_TAKEN = "SELECT count(*) AS taken, coalesce(bool_or(trial), false) AS trying FROM slots WHERE endpoint_id = $1 AND granted_at IS NOT NULL"
# Looks at the first of each lane and jumps to the next lane, so ten thousand that wait cost no more than ten.
_LANES = """
WITH RECURSIVE lanes AS (
    (SELECT workflow_id, priority, retry FROM slots WHERE endpoint_id = $1 AND granted_at IS NULL
     ORDER BY workflow_id, priority, retry LIMIT 1)
    UNION ALL
    SELECT further.* FROM lanes CROSS JOIN LATERAL (
        SELECT s.workflow_id, s.priority, s.retry FROM slots AS s WHERE s.endpoint_id = $1 AND s.granted_at IS NULL
          AND (s.workflow_id, s.priority, s.retry) > (lanes.workflow_id, lanes.priority, lanes.retry)
        ORDER BY s.workflow_id, s.priority, s.retry LIMIT 1
    ) AS further
)
SELECT lanes.workflow_id, lanes.priority, lanes.retry, first.run_id, first.component, first.number
FROM lanes CROSS JOIN LATERAL (
    SELECT s.run_id, s.component, s.number FROM slots AS s WHERE s.endpoint_id = $1 AND s.granted_at IS NULL
      AND s.workflow_id = lanes.workflow_id AND s.priority = lanes.priority AND s.retry = lanes.retry ORDER BY s.number LIMIT $2
) AS first
"""
_GRANT = """
UPDATE slots SET granted_at = clock_timestamp(), trial = o.trial
FROM unnest($1::text[], $2::text[], $3::bool[]) AS o (run_id, component, trial)
WHERE slots.run_id = o.run_id AND slots.component = o.component RETURNING slots.run_id, slots.component, slots.epoch
"""
_KEEP = """
UPDATE gates SET failures = $2, opened_until = $3, tokens = $4, filled_at = $5, turn = $6, served = $7::jsonb WHERE endpoint_id = $1
"""
_GRANTED = "SELECT run_id, component FROM slots WHERE epoch = $1 AND granted_at IS NOT NULL"


class PostgresGates:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def turn(
        self, epoch: int, endpoint_id: str, *, arrived: Sequence[Asking], ended: Sequence[Ended], hurried: Sequence[Place]
    ) -> Look:
        async with self._database.connection() as connection, connection.transaction():
            row = await connection.fetchrow(_GATE, endpoint_id)
            if row is None:
                await connection.execute("INSERT INTO gates (endpoint_id) VALUES ($1) ON CONFLICT DO NOTHING", endpoint_id)
                row = await connection.fetchrow(_GATE, endpoint_id)
            limits = EndpointLimits() if row["limits"] is None else EndpointLimits.model_validate_json(row["limits"])
            gate, now = _gate(row), row["now"]
            await connection.execute(_DEAD, endpoint_id)
            news = await _leave(connection, endpoint_id, gate, limits, now, ended)
            if arrived:
                columns = _columns((a.run_id, a.component, a.workflow_id, a.priority, a.retry) for a in arrived)
                await connection.execute(_ARRIVED, endpoint_id, epoch, *columns)
            if hurried:
                await connection.execute(_HURRIED, epoch, *_columns(hurried))
            taken, trying = await connection.fetchrow(_TAKEN, endpoint_id)
            most = min(_MOST, _MOST if limits.concurrency is None else max(1, limits.concurrency - taken))
            lanes = _lanes(await connection.fetch(_LANES, endpoint_id, most))
            grants = gate.admit(limits, now, lanes, taken=taken, trying=trying)
            ours: set[Place] = set()
            if grants:
                let_on = await connection.fetch(_GRANT, *_columns((g.run_id, g.component, g.trial) for g in grants))
                ours = {(row[0], row[1]) for row in let_on if row[2] == epoch}
                taken += len(grants)
                trying = trying or any(grant.trial for grant in grants)
            kept = (gate.failures, gate.opened_until, gate.tokens, gate.filled_at, gate.turns.turn, json.dumps(gate.turns.served))
            await connection.execute(_KEEP, endpoint_id, *kept)
        holds = {retry: gate.hold(limits, now, retry=retry, taken=taken, trying=trying) for retry in (False, True)}
        state = (
            "closed" if limits.breaker is None or gate.opened_until is None else "trying" if trying or now >= gate.opened_until else "open"
        )
        return Look(now, ours, holds, state, news)

    async def granted(self, epoch: int) -> set[Place]:
        async with self._database.connection() as connection:
            return {(row[0], row[1]) for row in await connection.fetch(_GRANTED, epoch)}


def _gate(row: Any) -> Gate:
    turns = Turns(row["turn"], json.loads(row["served"]))
    return Gate(row["failures"], row["opened_until"], row["tokens"], row["filled_at"], turns)


async def _leave(
    connection: Any, endpoint_id: str, gate: Gate, limits: EndpointLimits, now: datetime, ended: Sequence[Ended]
) -> tuple[str, ...]:
    """Free the slots of attempts that ended, and tell the breaker in the order in which they did."""
    held: dict[tuple[str, str], bool] = {}
    for epoch in {item.epoch for item in ended}:
        places = _columns(item.place for item in ended if item.epoch == epoch)
        for run_id, component, granted, trial in await connection.fetch(_ENDED, epoch, *places, endpoint_id):
            if granted:
                held[run_id, component] = trial
    news = []
    for item in ended:
        trial = held.pop(item.place, None)
        told = gate.ended(limits, now, item.verdict, trial=trial) if trial is not None else None
        if told is not None:
            news.append(told)
    return tuple(news)


def _lanes(rows: Iterable[Any]) -> list[Lane]:
    lanes: dict[tuple[str, int, bool], Lane] = {}
    for workflow_id, priority, retry, run_id, component, number in rows:
        lane = lanes.setdefault((workflow_id, priority, retry), Lane(workflow_id, priority, [], [], retry))
        lane.places.append((run_id, component))
        lane.numbers.append(number)
    return list(lanes.values())


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
