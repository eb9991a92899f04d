"""What a simulated task writes into its log: lines that grow while it runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from simulated_airflow.world import Attempt, Run, Task


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    level: str
    text: str
    place: str = "logging_mixin.py:190"
    error: tuple[str, str] | None = None
    """(type, message) of an exception that belongs to this line."""


def lines(run: Run, task: Task, try_number: int, now: datetime) -> list[Line]:
    """Give what this try has written until ``now``: one line per second of work, then how it ended."""
    attempt = task.attempts[try_number - 1]
    until = attempt.end or now
    about = f"{run.dag_id}.{task.spec.task_id} {run.run_id}"
    written = [
        Line(attempt.start, "info", f"Dependencies all met for <TaskInstance: {about} [queued]>", "taskinstance.py:2632"),
        Line(attempt.start, "info", f"Starting attempt {try_number} of {task.spec.retries + 1}", "taskinstance.py:2882"),
    ]
    seconds = int((until - attempt.start).total_seconds())
    first = max(0, seconds - 5000)
    for second in range(first, seconds):
        colour = "\x1b[32mtick\x1b[0m" if second % 10 == 9 else "tick"
        written.append(Line(attempt.start + timedelta(seconds=second + 1), "info", f"{colour} {second + 1}"))
    if attempt.end is not None:
        written += _ending(attempt, attempt.end)
    return written


def _ending(attempt: Attempt, end: datetime) -> list[Line]:
    if attempt.state in {"failed", "up_for_retry"}:
        return [
            Line(end, "error", "Task failed with exception", "taskinstance.py:3313", ("ValueError", "this one was meant to fail")),
            Line(end, "info", f"Marking task as {attempt.state.upper()}.", "taskinstance.py:1225"),
        ]
    return [Line(end, "info", "Marking task as SUCCESS.", "taskinstance.py:1225")]
