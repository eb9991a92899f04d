"""What the page of a workflow says of triggers whose runs were refused: a run that was asked for is none that started."""

from gateway.application.answers.triggers import FiringAnswer
from gateway.application.ports.triggers import StandingRecord
from gateway.application.queries.triggers import trigger_view
from gateway.application.triggers import answer
from shared.runtime.clock import now

WHY = "The inputs are not what “orders” declares: “day” is missing."


def test_a_firing_whose_run_was_refused_says_so_with_the_reason() -> None:
    declared = {"kind": "schedule", "name": "nightly", "cron": "0 6 * * *", "time_zone": "UTC"}
    standing = StandingRecord(version=1, paused=False, next_at=now(), trouble="", at=now())
    refused = FiringAnswer(firing_id="b", at=now(), result="started", run_id="r2", run_status="refused", reason=WHY)
    started = FiringAnswer(firing_id="a", at=now(), result="started", run_id="r1", run_status="succeeded")

    told = answer(declared, "nightly", standing, (refused, started), 1)
    assert told.why_not == f"The last time its run was refused: {WHY}"
    view = trigger_view("w1", told)
    assert view.last_word == "run refused"
    assert view.fired == "1 started, 1 refused"
    assert f"Asked for: run refused. {WHY}" in view.bars[-1].title

    assert answer(declared, "nightly", standing, (started, refused), 1).why_not == ""
