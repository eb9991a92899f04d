"""Folding the events of a run: pure, in order, each once."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from gateway.application.projections.run_state import RunState
from gateway.application.projections.runs import fold, fresh
from shared.contracts.runs import (
    AttemptHeld,
    CommandRefused,
    OtherRunEvent,
    RunPaused,
    RunReleased,
    RunReopened,
    RunResumed,
)
from shared.contracts.topics import RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.testing import build

RUN = {"run_id": "r1", "workflow_id": "w1"}


def folded(*events: Any, declared: tuple[str, ...] = ()) -> RunState:
    state = fresh("r1", events[0])
    state.declared = lambda _workflow, _version: declared
    for event in events:
        fold(state, event)
    return state


def numbered(*events: Any) -> list[Any]:
    return [event.model_copy(update={"seq": number}) for number, event in enumerate(events, start=1)]


def story() -> list[Any]:
    """A queue is missing, is retried and fails; a person retries it, and the run succeeds."""
    soon = now() + timedelta(seconds=5)
    return numbered(
        build.run_started(**RUN),
        build.attempt_started(**RUN, component="A"),
        build.component_finished(**RUN, component="A", status="succeeded"),
        build.attempt_started(**RUN, component="B"),
        build.attempt_failed(**RUN, component="B", next_attempt_at=soon, attempts=2),
        build.attempt_started(**RUN, component="B", attempt=2),
        build.attempt_failed(**RUN, component="B", attempt=2, next_attempt_at=None, attempts=2),
        build.component_finished(**RUN, component="B", attempt=2, status="failed", failure=build.failure()),
        build.component_finished(**RUN, component="C", status="upstream_failed", failure=None, transfer=None),
        build.run_finished(**RUN, status="failed"),
        _reopened(),
        build.attempt_started(**RUN, component="B", generation=2),
        build.component_finished(**RUN, component="B", generation=2, status="succeeded"),
        build.attempt_started(**RUN, component="C", generation=2),
        build.component_finished(**RUN, component="C", generation=2, status="succeeded"),
        build.run_finished(**RUN, status="succeeded"),
    )


def _reopened() -> Any:
    return RunReopened(**RUN, seq=1, at=now(), again={"B": 2, "C": 2})


@pytest.mark.parametrize(
    ("upto", "run", "statuses"),
    [
        (1, "running", {"A": "pending", "B": "pending", "C": "pending"}),
        (2, "running", {"A": "running", "B": "pending", "C": "pending"}),
        (5, "waiting", {"A": "succeeded", "B": "retrying", "C": "pending"}),
        (6, "running", {"A": "succeeded", "B": "running", "C": "pending"}),
        (10, "failed", {"A": "succeeded", "B": "failed", "C": "upstream_failed"}),
        (11, "running", {"A": "succeeded", "B": "pending", "C": "pending"}),
        (16, "succeeded", {"A": "succeeded", "B": "succeeded", "C": "succeeded"}),
    ],
)
def test_a_run_is_what_its_events_say(upto: int, run: str, statuses: dict[str, str]) -> None:
    state = folded(*story()[:upto], declared=("A", "B", "C"))
    assert state.row["status"] == run
    assert {name: item["status"] for name, item in state.components.items()} == statuses


def test_every_attempt_is_kept_with_its_generation() -> None:
    state = folded(*story(), declared=("A", "B", "C"))
    assert {key: attempt["status"] for key, attempt in state.attempts.items()} == {
        ("A", 1, 1): "succeeded",
        ("B", 1, 1): "failed",
        ("B", 1, 2): "failed",
        ("B", 2, 1): "succeeded",
        ("C", 2, 1): "succeeded",
    }


def test_a_retry_leaves_the_others_untouched() -> None:
    before = dict(folded(*story()[:10], declared=("A", "B", "C")).components["A"])
    after = folded(*story(), declared=("A", "B", "C")).components["A"]
    assert {**after, "started_at": None, "finished_at": None} == {**before, "started_at": None, "finished_at": None}


@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(some.lists(some.integers(0, 15), max_size=30))
def test_what_comes_again_changes_nothing(again: list[int]) -> None:
    events = story()
    plain = folded(*events, declared=("A", "B", "C"))
    state = fresh("r1", events[0])
    state.declared = lambda _workflow, _version: ("A", "B", "C")
    repeats = iter(again)
    for place, event in enumerate(events):
        assert fold(state, event)
        for old in itertools.islice(repeats, 2):
            assert not fold(state, events[min(old, place)])
    assert (state.row, state.components, state.attempts) == (plain.row, plain.components, plain.attempts)


def test_a_gap_is_counted_and_not_hidden() -> None:
    events = story()
    assert folded(events[0], events[3]).row["gaps"] == 2


def test_a_refusal_by_an_executor_that_has_forgotten_the_run_is_heard_once_and_moves_nothing() -> None:
    events = story()[:10]
    state = folded(*events, declared=("A", "B", "C"))
    before = dict(state.row)
    late = max(event.at for event in events) + timedelta(days=31)
    no = CommandRefused(**RUN, seq=1, at=late, command="retry", reason="There is no run r1.", requested_by="ada")
    assert fold(state, no)
    assert (state.row["refusal"]["reason"], state.row["refusal"]["gone"]) == ("There is no run r1.", True)
    assert {**state.row, "refusal": None, "updated_at": before["updated_at"]} == before
    for again in (no, *events):
        assert not fold(state, again)
    second = no.model_copy(update={"at": late + timedelta(seconds=1), "command": "cancel"})
    assert fold(state, second)
    assert not fold(state, no)


def test_a_refusal_that_overtakes_the_start_leaves_room_for_it() -> None:
    started = build.run_started(**RUN)
    no = CommandRefused(**RUN, seq=1, at=started.at, command="cancel", reason="There is no run r1.")
    state = fresh("r1", no)
    assert not fold(state, no)
    assert fold(state, started)
    assert (state.row["status"], state.row["refusal"]) == ("running", None)


def test_a_refusal_in_the_journal_stands_until_the_run_goes_on() -> None:
    no = _of(CommandRefused, command="retry", reason="Somebody was quicker.", requested_by="ada")
    events = numbered(*story()[:10], no, _reopened())
    refused = folded(*events[:11])
    assert (refused.row["refusal"]["requested_by"], refused.row["refusal"]["gone"]) == ("ada", False)
    assert folded(*events).row["refusal"] is None


def test_a_retry_without_a_time_limit_has_none() -> None:
    end = now() + timedelta(hours=1)
    events = numbered(build.run_started(**RUN, deadline_at=end), build.run_finished(**RUN, status="failed"), _reopened())
    assert folded(*events[:2]).row["deadline_at"] == end
    assert folded(*events).row["deadline_at"] is None


def _of(kind: Any, **more: Any) -> Any:
    return kind(**RUN, seq=1, at=now(), **more)


def test_a_queued_run_has_its_turn_and_a_paused_one_goes_on() -> None:
    events = numbered(
        build.run_started(**RUN, queued=True, queued_for="executor", business_key="order-1", priority=9, trigger="schedule:nightly"),
        _of(RunReleased),
        _of(RunPaused, reason="repair", requested_by="ada"),
        _of(RunResumed, requested_by="ada"),
        build.run_finished(**RUN, status="succeeded"),
    )
    states = [folded(*events[:upto]).row for upto in range(1, 6)]
    assert [row["status"] for row in states] == ["queued", "running", "paused", "running", "succeeded"]
    assert [row["queued_for"] for row in states] == ["executor", "", "", "", ""]
    assert (states[2]["paused_by"], states[2]["pause_reason"], states[3]["paused_at"]) == ("ada", "repair", None)
    assert (states[0]["business_key"], states[0]["priority"], states[0]["trigger_kind"]) == ("order-1", 9, "schedule")


def test_a_run_is_parked_when_nothing_else_moves() -> None:
    parked = {"component": "A", "decision": "park", "why": "HttpStatus:409 is parked", "next_attempt_at": None}
    events = numbered(
        build.run_started(**RUN),
        build.attempt_started(**RUN, component="A"),
        build.attempt_started(**RUN, component="B"),
        build.attempt_failed(**RUN, **parked),
        build.component_finished(**RUN, component="B", status="succeeded"),
        build.component_finished(**RUN, component="D", status="skipped", transfer=None, started_at=None),
    )
    assert folded(*events[:4]).row["status"] == "running"
    state = folded(*events)
    assert state.row["status"] == "parked"
    assert (state.components["A"]["status"], state.components["A"]["why"]) == ("parked", "HttpStatus:409 is parked")
    assert state.attempts[("A", 1, 1)]["decision"] == "park"
    assert state.components["D"]["status"] == "skipped"
    assert ("D", 1, 1) not in state.attempts


def test_a_hold_is_shown_until_it_is_over_and_kept_with_its_attempt() -> None:
    held = {"component": "A", "limit": "breaker", "reason": "The breaker of “mq” is open."}
    events = numbered(
        build.run_started(**RUN),
        build.attempt_started(**RUN, component="A"),
        _of(AttemptHeld, **held),
        _of(AttemptHeld, **held, over=True),
    )
    first = folded(*events[:3])
    assert first.components["A"]["held"]["limit"] == "breaker"
    assert first.row["status"] == "running"
    second = folded(*events)
    assert second.components["A"]["held"] is None
    (hold,) = second.attempts[("A", 1, 1)]["holds"]
    assert hold["until"] == events[3].at.isoformat()


def test_a_retry_in_another_version_with_other_inputs_changes_both_and_drops_what_is_gone() -> None:
    events = [*story()[:10], _of(RunReopened, again={"B": 2, "N": 1}, stays=("A",), version=4, inputs={"day": "23"})]
    state = folded(*numbered(*events), declared=("A", "B", "C"))
    assert (state.row["version"], state.row["inputs"]) == (4, {"day": "23"})
    assert state.gone == {"C"}
    assert {name: part["status"] for name, part in state.components.items()} == {"A": "succeeded", "B": "pending", "N": "pending"}


def test_an_event_of_a_kind_that_is_not_known_here_only_counts() -> None:
    events = story()
    raw = b'{"event":"run.blessed","run_id":"r1","workflow_id":"w1","seq":3,"at":"2026-01-02T03:04:05Z","by":"ada"}'
    other = RUNS_OUTCOMES.decode(raw)
    assert isinstance(other, OtherRunEvent)
    assert other.model_dump()["by"] == "ada"
    state = folded(*events[:2])
    before = (dict(state.components["A"]), state.row["status"])
    assert fold(state, other)
    assert (state.row["seq"], state.row["gaps"]) == (3, 0)
    assert (state.components["A"], state.row["status"]) == before
    with pytest.raises(ValueError, match="workflow_id"):
        RUNS_OUTCOMES.decode(b'{"event":"run.blessed","run_id":"r1"}')
    with pytest.raises(ValueError, match="seq"):
        RUNS_OUTCOMES.decode(raw.replace(b"run.blessed", b"run.paused").replace(b'"seq":3', b'"seq":0'))
