"""Triggers of workflows."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict

from gateway.application.answers.base import Answer, example

State = Literal["active", "paused", "troubled", "never", "unknown"]


class FiringAnswer(Answer):
    """A firing: a run was asked for, or not, and why not, or why the run was refused. ``count``: how many firings are added up in it."""

    model_config = example(
        firing_id="2026-11-26T05:00:00Z",
        at="2026-11-26T05:00:00.2Z",
        result="started",
        run_id="0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01",
        run_status="succeeded",
        planned_at="2026-11-26T05:00:00Z",
    )

    firing_id: str
    at: datetime
    result: str
    reason: str = ""
    count: int = 1
    run_id: str | None = None
    run_status: str | None = None
    planned_at: datetime | None = None

    @property
    def refused(self) -> bool:
        """Whether the run that it asked for was refused: then nothing was started."""
        return self.result == "started" and self.run_status == "refused"


class TriggerAnswer(Answer):
    """A trigger of the newest version. ``unknown``: no executor has said how it stands since that version was published."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "nightly",
                    "kind": "schedule",
                    "state": "active",
                    "paused": False,
                    "next_at": "2026-11-27T05:00:00Z",
                    "trouble": "",
                    "why_not": "",
                    "told_at": "2026-11-26T05:00:00.2Z",
                    "version": 3,
                    "listens_to": "0 6 * * 1-5 in Europe/Berlin",
                }
            ]
        },
    )

    name: str
    kind: str
    state: State
    paused: bool | None = None
    next_at: datetime | None = None
    trouble: str = ""
    why_not: str = ""
    """Why it does not fire now, or did not the last time; empty when it does."""
    told_at: datetime | None = None
    version: int | None = None
    listens_to: str = ""
    firings: tuple[FiringAnswer, ...] = ()
