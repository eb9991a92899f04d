"""The state machine of alerts: states are never mixed, and an incident is one episode."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from alerter.adapters.cel import Compiler
from alerter.domain.alert import Alert, acknowledge, advance, fingerprint, promote, went_silent
from alerter.domain.rule import Judgement, Rule, Verdict
from alerter.domain.subject import Thing
from shared.contracts.alerts import AlertState, RuleSubject

THING = Thing("c1", "eu-prod")
COMPILED = Compiler().compile(RuleSubject.CLUSTER, "!answered")


def rule(hold: float = 0.0) -> Rule:
    return Rule("r1", "away", RuleSubject.CLUSTER, COMPILED, hold=hold, channels=("ch1",))


def judged(verdict: Verdict) -> Judgement:
    return Judgement(THING, verdict, verdict.value)


def walk(build, verdicts: list[Verdict], *, hold: float = 0.0, step: float = 10.0) -> list[Alert | None]:
    ids = (f"a{number}" for number in count(1))
    current, seen = None, []
    for number, verdict in enumerate(verdicts):
        current = advance(current, rule(hold), judged(verdict), build.begin + timedelta(seconds=step * number), lambda: next(ids))
        seen.append(current)
    return seen


def test_true_fires_and_false_resolves_and_firing_again_is_a_new_incident_of_the_same_fingerprint(build) -> None:
    first, ended, second = walk(build, [Verdict.TRUE, Verdict.FALSE, Verdict.TRUE])
    assert (first.state, ended.state, second.state) == (AlertState.FIRING, AlertState.OK, AlertState.FIRING)
    assert first.alert_id == ended.alert_id != second.alert_id
    assert first.fingerprint == second.fingerprint == fingerprint("r1", "c1")
    assert ended.resolved_at == build.begin + timedelta(seconds=10)


def test_a_hold_is_pending_first_and_starts_again_after_a_false(build) -> None:
    states = [a.state for a in walk(build, [Verdict.TRUE, Verdict.TRUE, Verdict.FALSE, Verdict.TRUE, Verdict.TRUE, Verdict.TRUE], hold=15)]
    assert states == ["pending", "pending", "ok", "pending", "pending", "firing"]


def test_what_cannot_be_told_is_neither_ok_nor_firing_and_keeps_the_incident(build) -> None:
    fired, unknown, no_data, again, ended = walk(build, [Verdict.TRUE, Verdict.UNKNOWN, Verdict.NO_DATA, Verdict.TRUE, Verdict.FALSE])
    assert [a.state for a in (fired, unknown, no_data, again, ended)] == ["firing", "unknown", "no_data", "firing", "ok"]
    assert {a.alert_id for a in (fired, unknown, no_data, again, ended)} == {"a1"}
    assert unknown.resolved_at is None
    assert again.fired_at == fired.fired_at


def test_unknown_that_never_fired_does_not_count_as_fired(build) -> None:
    unknown, ended = walk(build, [Verdict.UNKNOWN, Verdict.FALSE])
    assert unknown.fired_at is None
    assert ended.fired_at is None


def test_unknown_while_pending_starts_the_hold_anew(build) -> None:
    *_, last = walk(build, [Verdict.TRUE, Verdict.UNKNOWN, Verdict.TRUE], hold=15)
    assert last.state is AlertState.PENDING
    assert last.pending_until == build.begin + timedelta(seconds=35)


def test_promote_waits_for_the_hold(build) -> None:
    pending = build.alert(state=AlertState.PENDING, fired_at=None, pending_until=build.begin + timedelta(seconds=5))
    assert promote(pending, build.begin) is pending
    assert promote(pending, build.begin + timedelta(seconds=5)).state is AlertState.FIRING


def test_the_first_to_acknowledge_stays_and_nobody_acknowledges_what_is_over(build) -> None:
    taken = acknowledge(build.alert(), "ada", build.begin)
    assert acknowledge(taken, "bob", build.begin).acknowledged_by == "ada"
    over = build.alert(resolved_at=build.begin)
    assert acknowledge(over, "ada", build.begin) == over


def test_a_series_that_stops_has_no_data_and_stays_open(build) -> None:
    silent = went_silent(build.alert(), build.begin, "No sample for 300 s.")
    assert (silent.state, silent.open) == (AlertState.NO_DATA, True)


@given(st.lists(st.sampled_from(list(Verdict)), max_size=30), st.sampled_from([0.0, 15.0]))
def test_whatever_is_judged_the_states_stay_true(verdicts: list[Verdict], hold: float) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    begin = datetime(2026, 1, 1, tzinfo=UTC)
    ids = (f"a{number}" for number in count(1))
    current: Alert | None = None
    for number, verdict in enumerate(verdicts):
        at = begin + timedelta(seconds=10 * number)
        before, current = current, advance(current, rule(hold), judged(verdict), at, lambda: next(ids))
        if current is None:
            continue
        assert (current.state is AlertState.OK) == (not current.open)
        if verdict is Verdict.SAYS_NOTHING:
            assert current is before
        elif verdict is Verdict.TRUE:
            assert current.state in {AlertState.FIRING, AlertState.PENDING}
        elif verdict is Verdict.FALSE:
            assert current.state is AlertState.OK
        else:
            assert current.state.value == verdict.value
        if current.state is AlertState.FIRING:
            assert current.fired_at is not None
        if before is not None and before.open:
            assert current.alert_id == before.alert_id
        elif before is not None and current.open:
            assert current.alert_id != before.alert_id
        assert replace(current).as_event().alert_id == current.alert_id
