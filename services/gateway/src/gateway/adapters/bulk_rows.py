"""Bulk retries in their tables, inside the transaction of a session."""

from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.read_model.bulk_reads import BULK, COUNTS, answers
from gateway.adapters.tables import BulkItem, BulkRetry
from gateway.application.answers.bulk import BulkAnswer
from gateway.application.ports.work import BulkRecord, Candidate

_CANDIDATES = text(
    """
    SELECT runs.run_id, runs.workflow, runs.workflow_id, runs.version, runs.status,
        coalesce((SELECT part.failure ->> 'code' FROM run_components AS part
                  WHERE part.run_id = runs.run_id AND part.status IN ('failed', 'parked') AND part.failure IS NOT NULL
                  ORDER BY part.finished_at NULLS LAST, part.component LIMIT 1), '') AS failure_code,
        EXISTS (SELECT 1 FROM bulk_retry_items AS item JOIN bulk_retries AS job USING (bulk_id)
                WHERE item.run_id = runs.run_id AND item.status IN ('waiting', 'asked', 'reopened') AND item.status <> 'reopened'
                  AND job.status IN ('running', 'paused')) AS busy
    FROM unnest(cast(:ids AS text[])) WITH ORDINALITY AS wanted (run_id, nr) JOIN runs USING (run_id) ORDER BY nr
    """
)
_BATCH = 1000


def _record(row: Any) -> BulkRecord:
    return BulkRecord(
        id=row.bulk_id,
        status=row.status,
        selection=row.selection,
        per_second=row.per_second,
        total=row.total,
        requested_by=row.requested_by,
        reason=row.reason,
        version=row.version,
        of=row.of,
        excluded=row.excluded,
    )


class BulkRows:
    """Reads and writes jobs and their items."""

    _session: AsyncSession

    async def candidates(self, run_ids: list[str]) -> list[Candidate]:
        rows = await self._session.execute(_CANDIDATES, {"ids": run_ids})
        return [Candidate(row.run_id, row.workflow, row.status, row.failure_code, row.workflow_id, row.version, row.busy) for row in rows]

    async def add_bulk(self, bulk: BulkRecord, items: list[Candidate]) -> None:
        values: dict[str, Any] = {
            "bulk_id": bulk.id,
            "status": bulk.status,
            "selection": bulk.selection,
            "excluded": bulk.excluded,
            "version": bulk.version,
        }
        values |= {"per_second": bulk.per_second, "total": bulk.total, "of": bulk.of, "requested_by": bulk.requested_by}
        await self._session.execute(insert(BulkRetry).values(**values, reason=bulk.reason, asked_at=func.clock_timestamp()))
        rows = [
            {"bulk_id": bulk.id, "place": place, "run_id": item.run_id, "workflow": item.workflow, "failure_code": item.failure_code}
            | {"status": "waiting", "reason": "", "seq": 0, "event_id": ""}
            for place, item in enumerate(items, start=1)
        ]
        for start in range(0, len(rows), _BATCH):
            await self._session.execute(insert(BulkItem), rows[start : start + _BATCH])

    async def bulk(self, bulk_id: str, *, lock: bool = False) -> BulkRecord | None:
        query = select(BulkRetry).where(BulkRetry.bulk_id == bulk_id)  # type: ignore[arg-type]
        row = (await self._session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
        return None if row is None else _record(row)

    async def bulk_answer(self, bulk_id: str) -> BulkAnswer:
        """Return a job that is there, with what this transaction has changed of it."""
        rows = await self._session.execute(text(f"SELECT {BULK} FROM bulk_retries WHERE bulk_id = :id"), {"id": bulk_id})  # noqa: S608 - a constant
        counted = await self._session.execute(text(COUNTS), {"ids": [bulk_id]})
        return answers([dict(row) for row in rows.mappings()], [dict(row) for row in counted.mappings()])[0]

    async def due_bulk(self) -> BulkRecord | None:
        """Return a job that may go on, with its row held; one that another worker holds is passed over."""
        due = func.coalesce(BulkRetry.due_at, BulkRetry.asked_at)
        workable: tuple[Any, ...] = (BulkRetry.status == "running", due <= func.clock_timestamp())
        query = select(BulkRetry).where(*workable).order_by(due).limit(1)
        row = (await self._session.execute(query.with_for_update(skip_locked=True))).scalar_one_or_none()
        return None if row is None else _record(row)

    async def set_bulk(self, bulk_id: str, status: str, *, leave: bool = False) -> None:
        ended = func.clock_timestamp() if status in ("done", "cancelled") else None
        await self._session.execute(update(BulkRetry).where(BulkRetry.bulk_id == bulk_id).values(status=status, finished_at=ended))  # type: ignore[arg-type]
        if leave:
            open_items: tuple[Any, ...] = (BulkItem.bulk_id == bulk_id, BulkItem.status == "waiting")
            left = {"status": "left", "reason": "The job was cancelled before.", "settled_at": func.clock_timestamp()}
            await self._session.execute(update(BulkItem).where(*open_items).values(**left))

    async def postpone_bulk(self, bulk_id: str, seconds: float) -> None:
        later = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        await self._session.execute(update(BulkRetry).where(BulkRetry.bulk_id == bulk_id).values(due_at=later))  # type: ignore[arg-type]

    async def waiting_items(self, bulk_id: str, limit: int) -> list[tuple[int, str]]:
        query = (
            select(BulkItem.place, BulkItem.run_id)  # type: ignore[call-overload]
            .where(BulkItem.bulk_id == bulk_id, BulkItem.status == "waiting")
            .order_by(BulkItem.place)
            .limit(limit)
        )
        return [(place, run_id) for place, run_id in await self._session.execute(query)]

    async def failed_items(self, bulk_id: str) -> list[str]:
        """Return the runs of a job that were refused or failed again."""
        query = (
            select(BulkItem.run_id)  # type: ignore[call-overload]
            .where(BulkItem.bulk_id == bulk_id, BulkItem.status.in_(("refused", "failed_again")))  # type: ignore[attr-defined]
            .order_by(BulkItem.place)
        )
        return list((await self._session.execute(query)).scalars())

    async def set_item(self, bulk_id: str, place: int, status: str, *, reason: str = "", seq: int = 0, event_id: str = "") -> None:
        values: dict[str, Any] = {"status": status, "reason": reason, "seq": seq, "event_id": event_id, "asked_at": func.clock_timestamp()}
        if status != "asked":
            values["settled_at"] = func.clock_timestamp()
        await self._session.execute(update(BulkItem).where(BulkItem.bulk_id == bulk_id, BulkItem.place == place).values(**values))  # type: ignore[arg-type]
