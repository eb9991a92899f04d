"""Bulk retries."""

from datetime import datetime
from typing import Any

from gateway.application.answers.base import Answer


class BulkAnswer(Answer):
    """A job that retries what failed in many runs, and how far it is.

    ``counts``: items by state: ``waiting`` (not asked yet), ``asked``, ``reopened`` (runs again), ``succeeded``, ``failed_again``,
    ``cancelled``, ``refused`` (with the reason), ``left`` (the job was cancelled before).
    """

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

    place: int
    run_id: str
    workflow: str
    failure_code: str
    status: str
    reason: str
    asked_at: datetime | None = None
    settled_at: datetime | None = None


class BulkPreview(Answer):
    """What a bulk retry would ask: how many runs, of which workflows and failures, which are left out and why."""

    total: int
    capped: bool = False
    by_workflow: dict[str, int] = {}
    by_failure: dict[str, int] = {}
    excluded: dict[str, int] = {}
    sample: tuple[BulkItemAnswer, ...] = ()
    seconds: float = 0.0
