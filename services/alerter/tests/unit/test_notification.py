"""Grouping, silences, and the state machine of notifications."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerter.domain.group import OWN_MESSAGES, Live, place
from alerter.domain.notification import Backoff, Notification, Status, transition, worth_telling
from alerter.domain.silence import Silence, silenced
from shared.contracts.alerts import AlertState


def notification(build, **more) -> Notification:
    return Notification(
        **{
            "notification_id": "n1",
            "message_id": "m1",
            "channel_id": "ch1",
            "transition": "fired",
            "status": Status.SENDING,
            "created_at": build.begin,
            "changed_at": build.begin,
            "attempts": 1,
            **more,
        },
    )


def test_people_are_told_of_firing_change_and_recovery_and_of_nothing_else(build) -> None:
    fired = build.alert()
    assert transition(None, fired) == "fired"
    told = replace(fired, told=True)
    assert transition(told, told) is None
    assert transition(told, replace(told, state=AlertState.UNKNOWN)) == "updated"
    assert transition(told, replace(told, state=AlertState.OK, resolved_at=build.begin)) == "resolved"
    assert transition(None, build.alert(state=AlertState.PENDING, fired_at=None)) is None
    assert transition(None, build.alert(state=AlertState.UNKNOWN, fired_at=None)) is None


def test_a_recovery_of_what_a_silence_kept_quiet_is_not_told(build) -> None:
    quiet = build.alert(told=False)
    assert transition(quiet, replace(quiet, state=AlertState.OK, resolved_at=build.begin)) is None


def test_nothing_is_queued_behind_what_still_waits_but_behind_what_is_being_sent(build) -> None:
    assert not worth_telling([notification(build, status=Status.WAITING)])
    assert worth_telling([notification(build, status=Status.SENDING)])
    assert worth_telling([])


@pytest.mark.parametrize(("attempts", "wait"), [(1, 1), (2, 2), (3, 4), (7, 60), (1000, 60)])
def test_the_back_off_grows_to_its_bound(attempts, wait) -> None:
    assert Backoff().wait(attempts) == wait


def test_nothing_is_sent_before_retry_after(build) -> None:
    later = notification(build).later("429", build.begin, Backoff(), retry_after=90, unknown=False)
    assert later.next_attempt_at == build.begin + timedelta(seconds=90)
    assert not later.possible_duplicate


def test_a_cut_off_answer_makes_a_possible_duplicate_for_good(build) -> None:
    later = notification(build).later("cut off", build.begin, Backoff(), retry_after=None, unknown=True)
    assert later.possible_duplicate
    assert later.later("503", build.begin, Backoff(), retry_after=None, unknown=False).possible_duplicate


def test_it_gives_up_in_the_end_and_says_why(build) -> None:
    over = notification(build, attempts=99).later("503", build.begin + timedelta(days=4), Backoff(), retry_after=None, unknown=False)
    assert (over.status, over.reason) == (Status.FAILED, "Given up after 99 attempts: 503")


def test_what_is_being_sent_still_waits_for_people(build) -> None:
    assert notification(build).as_event("team").status == "waiting"


def live(number: int, *, shared: bool = False, rule_id: str = "r1", channel_id: str = "ch1") -> Live:
    return Live(f"m{number}", rule_id, channel_id, shared, (f"a{number}",))


def test_an_alert_has_its_own_message_until_there_are_many() -> None:
    few = [live(number) for number in range(OWN_MESSAGES - 1)]
    assert place("new", "ch1", "r1", few, "fresh") == place("new", "ch1", "r1", [], "fresh")
    full = [*few, live(99)]
    assert place("new", "ch1", "r1", full, "fresh").shared
    flood = [*full, live(100, shared=True)]
    joined = place("new", "ch1", "r1", flood, "fresh")
    assert (joined.message_id, joined.new) == ("m100", False)
    assert place("a3", "ch1", "r1", flood, "fresh").message_id == "m3"


def test_other_rules_and_channels_do_not_count() -> None:
    others = [live(n, rule_id="r2") for n in range(20)] + [live(n, channel_id="ch2") for n in range(20)]
    assert not place("new", "ch1", "r1", others, "fresh").shared


def test_a_silence_covers_its_rule_until_its_end(build) -> None:
    silence = Silence("r1", build.begin)
    assert silenced("r1", [silence], build.begin - timedelta(seconds=1))
    assert not silenced("r1", [silence], build.begin)
    assert not silenced("r2", [silence], build.begin - timedelta(seconds=1))
