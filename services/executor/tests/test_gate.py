"""What an endpoint lets through: never more than its limit, one trial behind an open breaker, retries within their budget."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from executor.domain.gate import Gate, Hold, Verdict, limited, sentence
from executor.domain.turns import Lane
from shared.contracts.endpoints import Breaker, EndpointLimits

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def waits(count: int, *, retry: bool = False, workflow: str = "w", first: int = 0) -> Lane:
    return Lane(workflow, 5, [(f"{workflow}{n}", "C") for n in range(first, first + count)], list(range(first, first + count)), retry)


def failed(gate: Gate, limits: EndpointLimits, now: datetime, *, trial: bool = False) -> str | None:
    return gate.ended(limits, now, Verdict.FAILED, trial=trial)


def test_without_limits_nobody_is_asked() -> None:
    assert not limited(EndpointLimits())
    assert all(limited(one) for one in (EndpointLimits(concurrency=1), EndpointLimits(breaker=Breaker()), EndpointLimits(retry_budget=1)))
    assert len(Gate().admit(EndpointLimits(), NOW, [waits(20)], taken=1000, trying=False)) == 20


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_try() -> None:
    limits = EndpointLimits(breaker=Breaker(failures=3, open_for=30))
    gate = Gate()
    assert failed(gate, limits, NOW) is failed(gate, limits, NOW) is None
    assert gate.ended(limits, NOW, Verdict.ANSWERED, trial=False) is None
    assert [failed(gate, limits, NOW) for _ in range(3)] == [None, None, "opened"]
    assert gate.admit(limits, at(29), [waits(5)], taken=0, trying=False) == []
    hold = gate.hold(limits, at(29), retry=False, taken=0, trying=False)
    assert hold == Hold("breaker", at(30), 3)
    assert "03:04:35" in sentence("ep", hold)
    assert "Retry now does not pass it" in sentence("ep", hold)
    # What was under way before it opened changes nothing.
    assert gate.ended(limits, at(10), Verdict.ANSWERED, trial=False) is failed(gate, limits, at(10)) is None
    lane = waits(5)
    assert [grant.trial for grant in gate.admit(limits, at(30), [lane], taken=0, trying=False)] == [True]
    assert gate.admit(limits, at(31), [lane], taken=1, trying=True) == []
    assert failed(gate, limits, at(40), trial=True) == "opened"
    assert gate.admit(limits, at(69), [lane], taken=0, trying=False) == []
    # A trial that was stopped says nothing: the next one tries.
    assert len(gate.admit(limits, at(70), [lane], taken=0, trying=False)) == 1
    assert gate.ended(limits, at(71), Verdict.NOTHING, trial=True) is None
    assert len(gate.admit(limits, at(71), [lane], taken=0, trying=False)) == 1
    assert gate.ended(limits, at(72), Verdict.ANSWERED, trial=True) == "closed"
    assert len(gate.admit(limits, at(72), [lane], taken=0, trying=False)) == 2
    # A limit that somebody takes away holds nobody any more.
    assert [failed(gate, limits, at(73)) for _ in range(3)][-1] == "opened"
    assert len(gate.admit(EndpointLimits(concurrency=9), at(73), [waits(2)], taken=0, trying=False)) == 2


def test_retries_come_a_sixth_at_once_and_then_evenly_and_first_attempts_pass() -> None:
    limits = EndpointLimits(retry_budget=60)
    gate, retries, firsts = Gate(), waits(100, retry=True), waits(3, workflow="f")
    grants = gate.admit(limits, NOW, [retries, firsts], taken=0, trying=False)
    assert [grant.run_id[0] for grant in grants].count("w") == 10
    assert [grant.run_id for grant in grants if grant.run_id[0] == "f"] == ["f0", "f1", "f2"]
    hold = gate.hold(limits, NOW, retry=True, taken=0, trying=False)
    assert hold == Hold("retry_budget", at(1), 60)
    assert "Retry now passes" in sentence("ep", hold)
    assert len(gate.admit(limits, at(0.9), [retries], taken=0, trying=False)) == 0
    assert len(gate.admit(limits, at(1.01), [retries], taken=0, trying=False)) == 1
    assert len(gate.admit(limits, at(3.5), [retries], taken=0, trying=False)) == 2
    assert len(gate.admit(limits, at(1000), [retries], taken=0, trying=False)) == 10, "what was not used does not pile up"
    # A clock that goes back gives nothing and takes nothing.
    assert gate.admit(limits, at(999), [retries], taken=0, trying=False) == []


@settings(deadline=None, max_examples=60)
@given(budget=st.integers(1, 60), steps=st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=40))
def test_no_minute_sees_more_retries_than_seven_sixths_of_the_budget(budget: int, steps: list[float]) -> None:
    limits, gate, now = EndpointLimits(retry_budget=budget), Gate(), NOW
    made: Counter[datetime] = Counter()
    for step in steps:
        now += timedelta(seconds=step)
        made[now] += len(gate.admit(limits, now, [waits(80, retry=True)], taken=0, trying=False))
    most = budget + max(1.0, budget / 6)
    for start in made:
        assert sum(count for other, count in made.items() if start <= other < start + timedelta(minutes=1)) <= most + 1e-6


@settings(deadline=None, max_examples=60)
@given(
    concurrency=st.integers(1, 4),
    breaker=st.booleans(),
    events=st.lists(st.tuples(st.sampled_from(["ok", "fail", "stop", "wait", "come"]), st.integers(0, 5)), max_size=150),
)
def test_never_more_than_the_limit_never_two_trials_and_all_are_served(
    concurrency: int, breaker: bool, events: list[tuple[str, int]]
) -> None:
    limits = EndpointLimits(concurrency=concurrency, breaker=Breaker(failures=2, open_for=10) if breaker else None)
    gate, now, waiting, running, served, number = Gate(), NOW, waits(3), [], 0, 3
    endings = {"ok": Verdict.ANSWERED, "fail": Verdict.FAILED, "stop": Verdict.NOTHING}
    for what, which in [*events, *[("wait", 0), ("ok", 0)] * 400]:
        if what == "wait":
            now += timedelta(seconds=11)
        elif what == "come":
            waiting.places.append((f"w{number}", "C"))
            waiting.numbers.append(number)
            number += 1
        elif running:
            grant = running.pop(which % len(running))
            gate.ended(limits, now, endings[what], trial=grant.trial)
        opened = gate.opened_until is not None
        granted = gate.admit(limits, now, [waiting], taken=len(running), trying=any(grant.trial for grant in running))
        running += granted
        served += len(granted)
        assert len(running) <= concurrency
        assert sum(grant.trial for grant in running) <= 1
        assert not opened or all(grant.trial for grant in granted)
    assert served == number
