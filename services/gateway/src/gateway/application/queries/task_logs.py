"""The log of one try of a task, read from Airflow page by page while somebody waits."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.application.ports.services import NotThere, OnDemand, ServiceIsAway
from gateway.application.views.dags import LogLine, TaskAt

MOST_BYTES = 10_000_000
MOST_PAGES = 200
MOST_SECONDS = 10.0
"""Somebody waits: after this nothing more is asked."""
End = Literal["ended", "goes_on", "too_long", "too_slow", "broke_off"]


@dataclass(frozen=True)
class ReadLog:
    """The log from its beginning, as far as it was read, and why the reading stopped there.

    ``goes_on``: the task writes on, and this was all so far. ``broke_off``: ``error`` says what happened.
    """

    lines: tuple[LogLine, ...]
    end: End
    read_at: datetime | None = None
    error: Exception | None = None


async def read_log(on_demand: OnDemand, task: TaskAt, number: int) -> ReadLog:
    """Follow the log's tokens to its end, within the bounds."""
    lines: list[LogLine] = []
    size, token, read_at, until = 0, None, None, time.monotonic() + MOST_SECONDS
    for _ in range(MOST_PAGES):
        try:
            page = await on_demand.task_log(
                task.cluster_id, task.dag_id, task.run_id, task.task_id, try_number=number, map_index=task.map_index, token=token
            )
        except (NotThere, ServiceIsAway) as error:
            return ReadLog(tuple(lines), "broke_off", read_at, error)
        read_at = page.read_at
        for line in page.lines:
            size += len(line.text.encode())
            if size > MOST_BYTES:
                return ReadLog(tuple(lines), "too_long", read_at)
            lines.append(LogLine(text=line.text, at=line.at.strftime("%H:%M:%S") if line.at else "", level=line.level))
        if page.ended:
            return ReadLog(tuple(lines), "ended", read_at)
        if not page.lines or page.next_token in (None, token):
            return ReadLog(tuple(lines), "goes_on", read_at)
        token = page.next_token
        if time.monotonic() > until:
            return ReadLog(tuple(lines), "too_slow", read_at)
    return ReadLog(tuple(lines), "too_long", read_at)
