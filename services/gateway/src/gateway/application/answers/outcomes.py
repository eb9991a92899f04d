"""How the runs of a workflow went."""

from datetime import datetime

from pydantic import ConfigDict, Field

from gateway.application.answers.base import Answer

SUCCESS, FAILURE = ("succeeded",), ("failed", "refused")
"""What counts for the rate; a cancelled run says nothing about the workflow."""


class OutcomesAnswer(Answer):
    """Runs of a workflow since a time, by status, and how long those that succeeded took."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "since": "2026-11-15T00:00:00Z",
                    "runs": {"succeeded": 168, "failed": 2, "running": 1},
                    "success_rate": 0.988,
                    "seconds_p50": 41.2,
                    "seconds_p95": 97.0,
                    "cut": False,
                }
            ]
        }
    )

    since: datetime
    runs: dict[str, int] = {}
    success_rate: float | None = Field(default=None, description="Of those that succeeded or failed; None = none has ended so.")
    seconds_p50: float | None = Field(default=None, description="Of those that succeeded; None = none did.")
    seconds_p95: float | None = None
    cut: bool = Field(default=False, description="There were more runs than are counted: these are the newest.")


def rate(runs: dict[str, int]) -> float | None:
    """Return the share that succeeded, or None when that can't be said."""
    good, bad = (sum(runs.get(status, 0) for status in statuses) for statuses in (SUCCESS, FAILURE))
    return good / (good + bad) if good + bad else None
