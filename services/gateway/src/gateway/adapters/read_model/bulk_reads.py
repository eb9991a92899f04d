"""Reads of bulk retries."""

from collections.abc import Sequence
from datetime import datetime

from gateway.adapters.read_model.rows import Row, Rows, cursor_of, keys_of
from gateway.application.answers.base import Page
from gateway.application.answers.bulk import BulkAnswer, BulkItemAnswer

BULK = "bulk_id AS id, status, selection, excluded, version, per_second, total, of, requested_by, reason, asked_at, finished_at"
_ITEM = "place, run_id, workflow, failure_code, status, reason, asked_at, settled_at"

COUNTS = """
SELECT bulk_id, status, count(*) AS items FROM bulk_retry_items WHERE bulk_id = ANY(cast(:ids AS text[])) GROUP BY bulk_id, status
"""


class BulkReads(Rows):
    """Jobs and what became of their runs."""

    async def bulks(self, *, after: str | None, limit: int) -> Page[BulkAnswer]:
        at, bulk_id = keys_of(after, datetime, str) if after else (None, None)
        rows = await self._all(
            f"""
            SELECT {BULK} FROM bulk_retries
            WHERE cast(:at AS timestamptz) IS NULL OR (asked_at, bulk_id) < (:at, :id)
            ORDER BY asked_at DESC, bulk_id DESC LIMIT :limit
            """,  # noqa: S608 - constants of this module; values are bound
            at=at,
            id=bulk_id,
            limit=limit + 1,
        )
        items = await self._counted(rows[:limit])
        return Page(items=items, next=cursor_of(items[-1].asked_at, items[-1].id) if len(rows) > limit else None)

    async def bulk(self, bulk_id: str) -> BulkAnswer | None:
        rows = await self._all(f"SELECT {BULK} FROM bulk_retries WHERE bulk_id = :id", id=bulk_id)  # noqa: S608
        return (await self._counted(rows))[0] if rows else None

    async def bulk_items(self, bulk_id: str, *, status: str, after: str | None, limit: int) -> Page[BulkItemAnswer]:
        place = keys_of(after, int)[0] if after else 0
        rows = await self._all(
            f"""
            SELECT {_ITEM} FROM bulk_retry_items
            WHERE bulk_id = :id AND place > :place AND (:status = '' OR status = ANY(string_to_array(:status, ',')))
            ORDER BY place LIMIT :limit
            """,  # noqa: S608
            id=bulk_id,
            place=place,
            status=status,
            limit=limit + 1,
        )
        items = tuple(BulkItemAnswer.model_validate(dict(row)) for row in rows[:limit])
        return Page(items=items, next=cursor_of(items[-1].place) if len(rows) > limit else None)

    async def _counted(self, rows: Sequence[Row]) -> tuple[BulkAnswer, ...]:
        return answers(rows, await self._all(COUNTS, ids=[row["id"] for row in rows]))


def answers(rows: Sequence[Row], counted: Sequence[Row]) -> tuple[BulkAnswer, ...]:
    """Return the jobs that rows of ``BULK`` and of ``COUNTS`` tell of."""
    counts: dict[str, dict[str, int]] = {}
    for row in counted:
        counts.setdefault(row["bulk_id"], {})[row["status"]] = row["items"]
    return tuple(BulkAnswer.model_validate({**row, "counts": counts.get(row["id"], {})}) for row in rows)
