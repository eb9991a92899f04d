"""Checkpoints in PostgreSQL, each written under the epoch that owns the run."""

from dataclasses import asdict
from typing import Any

from executor.application.patience import patiently
from executor.application.ports import Checkpoint, StaleEpoch
from executor.domain.events import decode, encode
from shared.runtime.database import Database

_SAVE = """
WITH fence AS MATERIALIZED (
    SELECT e.epoch FROM executors AS e JOIN runs AS r ON r.owner = e.epoch
    WHERE e.epoch = $1 AND e.retired_at IS NULL AND r.run_id = $2 FOR SHARE OF e
)
INSERT INTO checkpoints (run_id, component, generation, source, body)
SELECT $2, $3, $4, $5, $6::jsonb FROM fence
ON CONFLICT (run_id, component, generation, source) DO UPDATE SET body = excluded.body, updated_at = clock_timestamp()
RETURNING run_id
"""
_LOAD = "SELECT body::text FROM checkpoints WHERE run_id = $1 AND component = $2 AND generation = $3 AND source = $4"


class PostgresCheckpoints:
    """Checkpoints as one executor's life writes them."""

    def __init__(self, database: Database, epoch: int) -> None:
        self._database = database
        self._epoch = epoch

    async def load(self, run_id: str, component: str, generation: int, source: str) -> Checkpoint | None:
        body = await patiently(lambda: self._value(_LOAD, run_id, component, generation, source))
        return None if body is None else _read(decode(body))

    async def save(self, run_id: str, component: str, generation: int, source: str, checkpoint: Checkpoint) -> None:
        body = encode(asdict(checkpoint)).decode()
        # Saving the same checkpoint twice changes nothing, so a lost answer is no trouble either.
        saved = await patiently(lambda: self._value(_SAVE, self._epoch, run_id, component, generation, source, body))
        if saved is None:
            raise StaleEpoch(f"run {run_id} belongs to another executor")

    async def _value(self, query: str, *arguments: Any) -> Any:
        async with self._database.connection() as connection:
            return await connection.fetchval(query, *arguments)


def _read(body: dict[str, Any]) -> Checkpoint:
    lanes: dict[str, Any] = {
        name: {int(lane): offset for lane, offset in body.pop(name, {}).items()} for name in ("confirmed", "announced")
    }
    return Checkpoint(**body, **lanes)
