"""Folding the events of a run: pure, in order, each once."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from gateway.application.projections.run_state import RunState
from gateway.application.projections.runs import fold, fresh
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
        build.run_reopened(**RUN, again={"B": 2, "C": 2}) if hasattr(build, "run_reopened") else _reopened(),
        build.attempt_started(**RUN, component="B", generation=2),
        build.component_finished(**RUN, component="B", generation=2, status="succeeded"),
        build.attempt_started(**RUN, component="C", generation=2),
        build.component_finished(**RUN, component="C", generation=2, status="succeeded"),
        build.run_finished(**RUN, status="succeeded"),
    )


def _reopened() -> Any:
    from shared.contracts.runs import RunReopened  # noqa: PLC0415

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
