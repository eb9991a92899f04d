"""The pure core: what health means, what is news, when the next poll is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_poller.domain.diff import dags_digest, diff_runs, tell_dags, tell_runs
from cluster_poller.domain.health import ComponentReading, judge, unknown
from cluster_poller.domain.log_text import MOST_LINES, bounded
from cluster_poller.domain.pace import EVERY_SECONDS, due, wait_seconds
from cluster_poller.domain.samples import samples
from cluster_poller.domain.snapshot import KnownRun, prune
from shared.contracts.clusters import ClusterObserved, ClusterRegistered, Confidence, Health, Reach
from shared.contracts.dags import DagRunSeen, DagSeen
from shared.contracts.internal import LogLine

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def reading(status: str | None, age: float | None, **more: Any) -> ComponentReading:
    return ComponentReading("scheduler", status, None if age is None else NOW - timedelta(seconds=age), **more)


@pytest.mark.parametrize(
    ("given_reading", "health", "confidence", "words"),
    [
        (reading("healthy", 3), Health.HEALTHY, Confidence.MEASURED, ""),
        (reading("healthy", 31), Health.UNHEALTHY, Confidence.MEASURED, "31 s old"),
        (reading("unhealthy", 45), Health.UNHEALTHY, Confidence.MEASURED, "45 s old"),
        (reading("unhealthy", 2), Health.UNHEALTHY, Confidence.MEASURED, "calls it unhealthy"),
        (reading("unhealthy", None), Health.UNHEALTHY, Confidence.MEASURED, "no heartbeat"),
        (reading("healthy", None), Health.UNKNOWN, Confidence.NONE, "no heartbeat to prove it"),
        (reading("healthy", -60), Health.UNKNOWN, Confidence.NONE, "future"),
        (reading("fine", 1), Health.UNKNOWN, Confidence.NONE, "'fine'"),
        (reading(None, None), Health.UNHEALTHY, Confidence.INFERRED, "never reported"),
        (reading(None, None, absent_means="not needed"), Health.ABSENT, Confidence.INFERRED, "not needed"),
        (reading("healthy", None, beats=False), Health.HEALTHY, Confidence.MEASURED, ""),
        (reading(None, 40), Health.UNHEALTHY, Confidence.MEASURED, "40 s old"),
    ],
)
def test_the_heartbeat_decides(given_reading: ComponentReading, health: Health, confidence: Confidence, words: str) -> None:
    judged = judge(given_reading, cluster_now=NOW, source="GET /health")
    assert (judged.health, judged.confidence) == (health, confidence)
    assert words in judged.detail


@given(status=st.sampled_from(["healthy", "unhealthy", "x", None]), age=st.none() | st.floats(-1e9, 1e9))
def test_nothing_is_healthy_without_a_fresh_heartbeat(status: str | None, age: float | None) -> None:
    judged = judge(reading(status, age), cluster_now=NOW, source="s")
    if judged.health is Health.HEALTHY:
        assert age is not None
        assert -10.001 <= age <= 30.001
        assert status in {"healthy", None}


def test_a_cluster_that_does_not_answer_is_unknown_never_healthy() -> None:
    before = (judge(reading("healthy", 3), cluster_now=NOW, source="s"),)
    after = unknown(before, why="refused")
    assert (after[0].health, after[0].confidence, after[0].heartbeat_at) == (Health.UNKNOWN, Confidence.STALE, NOW - timedelta(seconds=3))
    never = unknown((), why="refused")
    assert {(part.health, part.confidence) for part in never} == {(Health.UNKNOWN, Confidence.NONE)}
    assert "scheduler" in {part.component for part in never}


def run(name: str, state: str = "running", **more: Any) -> DagRunSeen:
    return DagRunSeen(dag_id="d", dag_run_id=name, state=state, sort_at=more.pop("sort_at", NOW), **more)


def test_only_what_differs_is_news() -> None:
    first = diff_runs({}, [run("a"), run("b")])
    assert len(first.news) == 2
    assert diff_runs(first.known, [run("a"), run("b")]).news == ()
    second = diff_runs(first.known, [run("a", "success"), run("b")])
    assert [(seen.dag_run_id, seen.state) for seen in second.news] == [("a", "success")]


def test_a_reading_without_counts_keeps_them_and_counts_alone_are_news() -> None:
    known = diff_runs({}, [run("a")]).known
    counted = diff_runs(known, [run("a", task_counts={"running": 1})])
    assert counted.news[0].task_counts == {"running": 1}
    assert diff_runs(counted.known, [run("a")]).news == ()
    ended = diff_runs(counted.known, [run("a", "success")])
    assert ended.news[0].task_counts == {"running": 1}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["queued", "running", "success"])), max_size=30))
def test_following_the_news_gives_the_last_state_of_every_run(readings: list[tuple[str, str]]) -> None:
    known: Any = {}
    told: dict[str, str] = {}
    for name, state in readings:
        changes = diff_runs(known, [run(name, state)])
        known = changes.known
        told |= {seen.dag_run_id: seen.state for seen in changes.news}
    assert told == dict(readings)


def test_old_finished_runs_are_forgotten_and_active_ones_never() -> None:
    runs = {("d", str(n)): KnownRun("x", "success", NOW + timedelta(seconds=n)) for n in range(50)}
    runs |= {("d", f"active{n}"): KnownRun("x", "running", NOW - timedelta(days=n)) for n in range(5)}
    kept = prune(runs, keep=10)
    assert len(kept) == 10
    assert {key for key in kept if key[1].startswith("active")} == {("d", f"active{n}") for n in range(5)}
    assert ("d", "49") in kept


def dag(name: str, **more: Any) -> DagSeen:
    return DagSeen(dag_id=name, is_paused=False, **more)


def test_a_full_list_comes_in_parts_and_an_empty_one_is_told_too() -> None:
    messages = tell_dags("c", tuple(dag(f"d{n}") for n in range(250)), sweep="s", at=NOW)
    assert [(message.part, message.parts, len(message.dags)) for message in messages] == [(0, 3, 100), (1, 3, 100), (2, 3, 50)]
    assert [(message.part, message.parts, message.dags) for message in tell_dags("c", (), sweep="s", at=NOW)] == [(0, 1, ())]


def test_no_message_is_larger_than_a_topic_takes() -> None:
    runs = tuple(run(str(n), note="ä" * 4000) for n in range(400))
    messages = tell_runs("c", runs, (("d", "gone"),), at=NOW, first_sight=True)
    assert max(len(message.model_dump_json().encode()) for message in messages) < 1_048_576
    assert sum(len(message.runs) for message in messages) == 400
    assert [message.removed for message in messages if message.removed] == [(("d", "gone"),)]
    assert tell_runs("c", (), (), at=NOW, first_sight=False) == []


def test_the_order_of_dags_makes_no_difference() -> None:
    assert dags_digest([dag("a"), dag("b")]) == dags_digest([dag("b"), dag("a")])
    assert dags_digest([dag("a")]) != dags_digest([dag("a", tags=("x",))])


def test_failures_slow_polling_down_up_to_a_minute() -> None:
    waits = [wait_seconds(5.0, failures, chance=0.5) for failures in range(8)]
    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0]
    assert wait_seconds(300.0, 9, chance=0.5) == 300.0
    assert wait_seconds(5.0, 0, chance=0.0) == 4.5
    assert wait_seconds(5.0, 3, chance=1.0) == 50.0


def test_parts_are_due_when_never_read_or_long_ago() -> None:
    assert due("dags", {}, NOW)
    assert not due("dags", {"dags": NOW}, NOW + timedelta(seconds=59))
    assert due("dags", {"dags": NOW}, NOW + timedelta(seconds=EVERY_SECONDS["dags"]))


def test_what_was_not_read_makes_no_sample() -> None:
    cluster = ClusterRegistered(cluster_id="c", name="n", base_url="http://x")
    away = samples(cluster, ClusterObserved(cluster_id="c", observed_at=NOW, reach=Reach.UNREACHABLE))
    assert {sample.name: sample.value for sample in away.samples} == {"cluster_answers": 0.0, "cluster_poll_requests": 0.0}


def test_a_log_that_is_too_long_keeps_its_end_and_says_so() -> None:
    lines = bounded([LogLine(text=str(n)) for n in range(MOST_LINES + 500)])
    assert lines[-1].text == str(MOST_LINES + 499)
    assert "500 earlier lines" in lines[0].text
    assert bounded([LogLine(text="a")]) == (LogLine(text="a"),)
