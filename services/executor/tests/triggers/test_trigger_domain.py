"""What triggers decide, without any real part."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executor.application.triggers.asking import prepare
from executor.application.triggers.judging import Allowance, judge
from executor.application.triggers.ports import Prepared, TriggerRow
from executor.domain.triggers.dag import concerns
from executor.domain.triggers.dag import judge as judge_dag
from executor.domain.triggers.firing import MOST_ID, MOST_SHOWN, Firing, NotFired, Tally, dag_run_id, message_id, run_id_of
from executor.domain.triggers.message import Heard, Matcher, checked
from executor.domain.triggers.schedule import MOST_COUNTED, due
from shared.contracts.dags import DagRunSeen
from shared.contracts.topics import RUNS_COMMANDS
from shared.contracts.workflows import DagTrigger, KafkaTrigger
from shared.runtime.cron import Schedule

NOON = datetime(2026, 11, 22, 12, 0, 20, tzinfo=UTC)
HOURLY = Schedule("0 * * * *")


def ago(**more: float) -> datetime:
    return NOON.replace(second=0) - timedelta(**more)


def test_what_is_not_due_waits() -> None:
    found = due(HOURLY, ago(hours=-1), NOON, catch_up="all", most=100)
    assert (found.fire, found.missed, found.next_at) == ((), 0, ago(hours=-1))


@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
def test_a_time_that_is_on_time_fires_whatever_is_caught_up(catch_up: Any) -> None:
    found = due(HOURLY, ago(), NOON, catch_up=catch_up, most=1)
    assert (found.fire, found.missed, found.next_at) == ((ago(),), 0, ago(hours=-1))


@pytest.mark.parametrize(
    ("catch_up", "most", "fired", "missed"),
    [("none", 100, [], 6), ("last", 100, [0], 5), ("all", 100, [5, 4, 3, 2, 1, 0], 0), ("all", 2, [1, 0], 4)],
)
def test_what_passed_meanwhile_follows_catch_up(catch_up: Any, most: int, fired: list[int], missed: int) -> None:
    late = NOON + timedelta(minutes=30)
    found = due(HOURLY, ago(hours=5), late, catch_up=catch_up, most=most)
    assert found.fire == tuple(ago(hours=hours) for hours in fired)
    assert found.missed == missed
    assert found.next_at == ago(hours=-1)


def test_a_very_long_time_away_is_counted_up_to_a_bound() -> None:
    found = due(Schedule("* * * * *"), ago(days=365), NOON, catch_up="last", most=1)
    assert (len(found.fire), found.missed) == (1, MOST_COUNTED)


def test_in_autumn_a_daily_time_is_made_up_for_once() -> None:
    daily = Schedule("30 2 * * *", "Europe/Berlin")
    morning = datetime(2026, 10, 25, 6, tzinfo=UTC)
    found = due(daily, datetime(2026, 10, 25, 0, 30, tzinfo=UTC), morning, catch_up="all", most=100)
    assert found.fire == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC),)
    assert found.next_at == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def kafka(**more: Any) -> KafkaTrigger:
    return KafkaTrigger.model_validate({"name": "orders", "endpoint": "prod", "topic": "orders"} | more)


def heard(value: Any, offset: int = 7, **more: Any) -> Heard:
    body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return Heard(**({"topic": "orders", "partition": 2, "offset": offset, "key": b"k", "value": body, "headers": ()} | more))


def row(trigger: Any, *, paused: bool = False) -> TriggerRow:
    return TriggerRow("w1", "flow", trigger.name, 3, trigger, paused, "", NOON)


def test_a_message_that_matches_gives_its_inputs() -> None:
    trigger = kafka(
        filter="value.total > 10", map={"id": "value.id", "who": "headers['who']", "at": "key + topic"}, inputs={"id": 0, "x": 1}
    )
    verdict = Matcher(trigger).judge(heard({"total": 11, "id": 5}, headers=[("who", b"eve")]))
    assert isinstance(verdict, Firing)
    assert verdict.inputs == {"id": 5, "x": 1, "who": "eve", "at": "korders"}
    assert Matcher(trigger).judge(heard({"total": 1})).result == "filtered"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "value", [b"\xff\x00", None, [1], {"total": "12"}, b"[" * 100_000, {"total": 10**40}, b'{"total": NaN, "total": []}']
)
def test_a_message_that_an_expression_can_not_judge_has_failed_with_the_reason(value: Any) -> None:
    verdict = Matcher(kafka(filter="value.total > 10")).judge(heard(value))
    assert isinstance(verdict, NotFired)
    assert (verdict.result, bool(verdict.reason)) == ("failed", True)


@pytest.mark.parametrize("levels", [180, 350, 900, 950, 5000, 200_000])
@pytest.mark.parametrize("more", [{"filter": "has(value.id)"}, {"map": {"it": "value"}}])
def test_a_message_of_any_depth_is_judged(levels: int, more: dict[str, Any]) -> None:
    """One that can't be must not come again and again: what stands behind it has its turn."""
    deep = heard(b'{"id":' + b"[" * levels + b"]" * levels + b"}")
    trigger = kafka(**more)
    judged = judge(row(trigger), Matcher(trigger), [deep, heard({"id": 1}, offset=8)], 10)
    assert judged.taken == 2
    assert judged.fire[-1].firing.firing_id.split(":")[2] == "8"
    reasons = [one.reason for one in judged.told]
    assert len(reasons) + len(judged.fire) == 2
    assert levels > 900 or "nested more than 150 deep" in reasons[0], "a text from where Python's own reader gives up"


def test_a_nul_is_replaced_because_expressions_would_end_at_it() -> None:
    matcher = Matcher(kafka(map={"value": "value", "key": "key", "who": "headers['who']"}))
    for value, seen in (({"a\0": ["b\0c"]}, {"a\ufffd": ["b\ufffdc"]}), (b"\x01\x00\xffz", "\x01\ufffd\ufffdz"), ("\\u0000", "\\u0000")):
        verdict = matcher.judge(heard(value, key=b"k\0", headers=[("who", b"\0")]))
        assert isinstance(verdict, Firing)
        assert verdict.inputs == {"value": seen, "key": "k\ufffd", "who": "\ufffd"}
        assert isinstance(prepare(row(kafka()), verdict), Prepared)


def test_an_expression_that_can_not_be_compiled_is_told_with_the_way_out() -> None:
    matcher, why = checked(kafka(filter="valeu.x == 1"))
    assert matcher is None
    assert "There is no variable “valeu.x” here" in why


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"x": "\ud800"}, "no Unicode"),
        ({"x": "\0"}, "NUL"),
        ({"x": "y" * 1_000_001}, "Map less"),
        ({"x": json.loads("[" * 240 + "]" * 240)}, "nested more than 150 deep"),
        ({"x": object()}, "can't be written: "),
    ],
)
def test_inputs_that_no_command_can_carry_fail_the_firing(inputs: dict[str, Any], said: str) -> None:
    made = prepare(row(kafka()), Firing("f", inputs))
    assert isinstance(made, NotFired)
    assert said in made.reason


def test_the_command_names_version_trigger_and_always_the_same_run() -> None:
    made = [prepare(row(kafka()), Firing("f", {"x": 1})) for _ in range(2)]
    assert isinstance(made[0], Prepared)
    assert made[0] == made[1]
    start = RUNS_COMMANDS.decode(made[0].command)
    assert (start.workflow, start.version, start.trigger, start.inputs, start.run_id) == (
        "flow",
        3,
        "kafka:orders",
        {"x": 1},
        made[0].run_id,
    )
    assert len({run_id_of("w1", "a", "f"), run_id_of("w1", "b", "f"), run_id_of("w2", "a", "f"), run_id_of("w1", "a", "g")}) == 4


def test_names_of_firings_fit_and_differ() -> None:
    assert message_id("e", "t", 1, 2, 3) != message_id("e", "t", 1, 2, 4), "a topic that was made anew"
    long = {message_id("e" * 100, "t" * 249, part, 2, 3) for part in range(3)} | {dag_run_id("c", "d" * 250, "r" * 250, "success")}
    assert len(long) == 4
    assert all(len(name) <= MOST_ID for name in long)


def test_the_limit_stops_before_the_first_message_that_exceeds_it() -> None:
    trigger = kafka(filter="value.go", map={"n": "offset"})
    messages = [heard({"go": number % 2 == 0}, number) for number in range(10)]
    judged = judge(row(trigger), Matcher(trigger), messages, 2)
    assert (judged.taken, len(judged.fire), len(judged.told)) == (4, 2, 2)
    rest = judge(row(trigger), Matcher(trigger), messages[judged.taken :], 100)
    assert (rest.taken, len(rest.fire)) == (6, 3)


def test_an_allowance_counts_what_was_used_within_the_minute() -> None:
    allowance = Allowance(10, 4)
    assert allowance.left() == 6
    allowance.use(6)
    assert allowance.left() == 0
    allowance._used = type(allowance._used)((at - 61, count) for at, count in allowance._used)
    assert allowance.left() == 10


def test_what_does_not_fire_is_added_up_but_few_failures_are_told_one_by_one() -> None:
    tally = Tally()
    for number in range(1000):
        tally.add(NotFired("filtered", f"f{number}", "no"))
        tally.add(NotFired("failed", f"x{number}", "bad"))
    told = tally.take()
    assert len(told) == MOST_SHOWN + 2
    assert sum(one.count for one in told if one.result == "filtered") == 1000
    assert sum(one.count for one in told if one.result == "failed") == 1000
    assert not tally
    assert tally.take() == []


def test_a_dag_run_fires_in_its_states_and_not_for_what_was_over_before() -> None:
    trigger = DagTrigger(name="d", cluster="prod", dag_id="etl", map={"run": "dag_run_id + ':' + state"})
    seen = DagRunSeen(dag_id="etl", dag_run_id="r1", state="success", sort_at=NOON, ended_at=NOON)
    assert concerns(trigger, seen, NOON + timedelta(minutes=4))
    assert not concerns(trigger, seen, NOON + timedelta(minutes=6))
    assert not concerns(trigger, seen.model_copy(update={"state": "failed"}), NOON)
    assert not concerns(trigger, seen.model_copy(update={"dag_id": "other"}), NOON)
    verdict = judge_dag(trigger, "c1", seen)
    assert isinstance(verdict, Firing)
    assert verdict.inputs == {"run": "r1:success"}
