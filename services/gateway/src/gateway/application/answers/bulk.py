"""Bulk retries."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from gateway.application.answers.base import Answer, example


class BulkAnswer(Answer):
    """A job that retries what failed in many runs, and how far it is.

    ``counts``: items by state: ``waiting`` (not asked yet), ``asked``, ``reopened`` (runs again), ``succeeded``, ``failed_again``,
    ``cancelled``, ``refused`` (with the reason), ``left`` (the job was cancelled before).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01",
                    "status": "running",
                    "selection": {"workflow": "order-processing"},
                    "excluded": {"are still moving: wait for their end": 2},
                    "per_second": 5,
                    "total": 120,
                    "requested_by": "ada",
                    "reason": "the queue stands again",
                    "asked_at": "2026-11-22T12:00:00Z",
                    "counts": {"waiting": 80, "reopened": 3, "succeeded": 36, "refused": 1},
                }
            ]
        }
    )

    id: str
    status: str
    selection: dict[str, Any]
    excluded: dict[str, int] = {}
    version: int | None = None
    per_second: float
    total: int
    of: str | None = None
    requested_by: str = ""
    reason: str = ""
    asked_at: datetime
    finished_at: datetime | None = None
    counts: dict[str, int] = {}


class BulkItemAnswer(Answer):
    """One run of a job: what became of it, and why."""

    model_config = example(
        place=7,
        run_id="0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01",
        workflow="order-processing",
        failure_code="QueueNotFound",
        status="refused",
        reason="It has gone on since.",
        asked_at="2026-11-22T12:00:01Z",
        settled_at="2026-11-22T12:00:01.4Z",
    )

    place: int
    run_id: str
    workflow: str
    failure_code: str
    status: str
    reason: str
    asked_at: datetime | None = None
    settled_at: datetime | None = None


class BulkVersion(Answer):
    """What the chosen version changes for the runs that have this one now; ``more``: changes that are not told."""

    model_config = example(version=6, runs=118, changes=["OrderQueue: its queue is now “orders-v2”, before “orders”."], more=0)

    version: int | None
    runs: int
    changes: tuple[str, ...]
    more: int = 0


class BulkPreview(Answer):
    """What a bulk retry would ask: how many runs, of which workflows and failures, which are left out and why.

    ``workflow_id``, ``versions``: where a version is chosen, whose it is and what it changes for the runs.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "total": 120,
                    "by_workflow": {"order-processing": 120},
                    "by_failure": {"QueueNotFound": 118, "HttpStatus": 2},
                    "excluded": {"are still moving: wait for their end": 2},
                    "seconds": 24,
                }
            ]
        }
    )

    total: int
    capped: bool = False
    by_workflow: dict[str, int] = {}
    by_failure: dict[str, int] = {}
    excluded: dict[str, int] = {}
    sample: tuple[BulkItemAnswer, ...] = ()
    workflow_id: str = ""
    versions: tuple[BulkVersion, ...] = ()
    seconds: float = 0.0
