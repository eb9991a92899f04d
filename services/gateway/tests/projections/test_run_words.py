"""What a run's page says: what a queued run waits for, and who asked for what."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.application.answers.runs import RunDetail, RunEventAnswer
from gateway.application.queries.run_actions import waits_of
from gateway.application.queries.run_log import log_line
from gateway.application.queries.run_state import what_happens

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("queued_for", "words"),
    [
        ("workflow", "as many runs as the workflow allows are under way"),
        ("executor", "the executor has as many runs as it has room for"),
        ("endpoint", "many runs of the workflow wait for an endpoint already, and this one would only wait there too"),
        ("", "the executor did not say for what"),
    ],
)
def test_a_queued_run_says_what_it_waits_for(queued_for: str, words: str) -> None:
    base: dict[str, Any] = {"id": "r", "workflow_id": "w1", "workflow": "w", "version": 1, "asked_at": AT, "updated_at": AT}
    run = RunDetail(**base, status="queued", queued_for=queued_for)
    assert what_happens(run) == f"It waits for its turn: {words}"
    assert [row.why for row in waits_of(run)] == [f"{words[0].upper()}{words[1:]}."]


@pytest.mark.parametrize(
    ("event", "body", "text"),
    [
        ("run.finished", {"status": "cancelled", "message": "wrong day", "requested_by": "bob"}, "cancelled by bob: wrong day"),
        ("run.finished", {"status": "cancelled", "message": "wrong day"}, "cancelled: wrong day"),
        ("component.finished", {"component": "A", "status": "cancelled", "requested_by": "bob"}, "cancelled by bob"),
        ("attempt.started", {"component": "A", "attempt": 2, "host": "h", "requested_by": "eve"}, "attempt 2 begins on h, asked by eve"),
    ],
)
def test_the_log_says_who_asked(event: str, body: dict[str, Any], text: str) -> None:
    assert log_line(RunEventAnswer(seq=1, at=AT, event=event, body=body)).text == text
