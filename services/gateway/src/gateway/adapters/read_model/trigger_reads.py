"""Reads of triggers: how each stands and its last firings."""

from gateway.adapters.read_model.rows import Rows, cursor_of, keys_of
from gateway.application.answers.base import Page
from gateway.application.answers.triggers import FiringAnswer
from gateway.application.ports.triggers import StandingRecord

_FIRING = """
SELECT f.id, f.firing_id, f.at, f.result, f.count, f.run_id, r.status AS run_status, f.planned_at,
    concat_ws(' ', nullif(f.reason, ''), CASE WHEN r.status = 'refused' THEN nullif(r.message, '') END) AS reason
FROM trigger_firings f LEFT JOIN runs r ON r.run_id = f.run_id
"""


class TriggerReads(Rows):
    """What triggers did."""

    async def standings(self, workflow_id: str) -> dict[str, StandingRecord]:
        rows = await self._all(
            "SELECT trigger, version, paused, next_at, trouble, at FROM triggers WHERE workflow_id = :id AND NOT gone", id=workflow_id
        )
        return {row["trigger"]: StandingRecord(**{key: row[key] for key in row if key != "trigger"}) for row in rows}

    async def firings(self, workflow_id: str, trigger: str, *, after: str | None, limit: int) -> Page[FiringAnswer]:
        before = keys_of(after, int)[0] if after else None
        rows = await self._all(
            f"""
            {_FIRING} WHERE f.workflow_id = :id AND f.trigger = :trigger AND (cast(:before AS bigint) IS NULL OR f.id < :before)
            ORDER BY f.id DESC LIMIT :limit
            """,
            id=workflow_id,
            trigger=trigger,
            before=before,
            limit=limit + 1,
        )
        items = tuple(FiringAnswer.model_validate({key: row[key] for key in row if key != "id"}) for row in rows[:limit])
        return Page(items=items, next=cursor_of(rows[limit - 1]["id"]) if len(rows) > limit else None)
