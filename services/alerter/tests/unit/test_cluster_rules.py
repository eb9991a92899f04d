"""What a cluster's rules say now: ages grow by themselves, and nothing is ok or firing without evidence."""

from datetime import timedelta

import pytest

from alerter.domain.cluster import Cluster, judge_all
from alerter.domain.rule import Verdict
from shared.contracts.clusters import ClusterObserved, ClusterRegistered, ComponentHealth, Confidence, Health, Reach

HEARTBEAT = "answered && scheduler.heartbeat_age > 30.0"


def cluster(build, *, reach=Reach.ANSWERED, poll_seconds=5.0, observed=True, skew=None, **component) -> Cluster:
    part = ComponentHealth(
        **{
            "component": "scheduler",
            "health": Health.HEALTHY,
            "confidence": Confidence.MEASURED,
            "source": "GET /health",
            "heartbeat_age": 2.0,
            **component,
        },
    )
    seen = ClusterObserved(
        cluster_id="c1",
        observed_at=build.begin,
        reach=reach,
        detail="Connection refused.",
        components=(part,) if reach is Reach.ANSWERED else (),
        clock_skew_seconds=skew,
    )
    registered = ClusterRegistered(cluster_id="c1", name="eu-prod", base_url="http://a", tags=("prod",), poll_seconds=poll_seconds)
    return Cluster("c1", registered, seen if observed else None, build.begin)


def verdict(build, expression, subject, seconds=0.0, awake=-3600.0):
    now, awake_since = (build.begin + timedelta(seconds=offset) for offset in (seconds, awake))
    (judgement,) = judge_all([build.rule(expression)], subject, now, awake_since=awake_since)
    return judgement


@pytest.mark.parametrize(("seconds", "expected"), [(0, Verdict.FALSE), (15, Verdict.FALSE), (19, Verdict.TRUE)])
def test_a_heartbeat_ages_without_a_new_observation(build, seconds, expected) -> None:
    assert verdict(build, HEARTBEAT, cluster(build, heartbeat_age=12.0), seconds).verdict is expected


def test_the_age_by_the_clusters_own_clock_counts_and_else_the_known_difference(build) -> None:
    heartbeat_at = build.begin - timedelta(seconds=100)
    by_its_clock = cluster(build, heartbeat_at=heartbeat_at, heartbeat_age=1.0)
    assert by_its_clock.values(build.begin)["scheduler.heartbeat_age"] == 1.0
    by_skew = cluster(build, heartbeat_at=heartbeat_at, heartbeat_age=None, skew=-98.0)
    assert by_skew.values(build.begin)["scheduler.heartbeat_age"] == pytest.approx(2.0)


@pytest.mark.parametrize("reach", [reach for reach in Reach if reach is not Reach.ANSWERED])
def test_a_cluster_that_does_not_answer_is_unknown_for_its_parts_and_fires_only_what_asks_for_that(build, reach) -> None:
    away = cluster(build, reach=reach)
    judgement = verdict(build, HEARTBEAT, away)
    assert judgement.verdict is Verdict.UNKNOWN
    assert "Connection refused." in judgement.evidence
    assert verdict(build, "scheduler.health != 'healthy'", away).verdict is Verdict.UNKNOWN
    assert verdict(build, "import_errors > 0", away).verdict is Verdict.UNKNOWN
    assert verdict(build, "!answered", away).verdict is Verdict.TRUE
    assert verdict(build, f"reach == '{reach.value}'", away).verdict is Verdict.TRUE
    assert verdict(build, f"!answered || ({HEARTBEAT})", away).verdict is Verdict.TRUE
    assert verdict(build, "name == 'other'", away).verdict is Verdict.FALSE


def test_nobody_observing_is_no_data_even_for_the_rule_about_being_away(build) -> None:
    stale = cluster(build)
    assert verdict(build, "!answered", stale, 21).verdict is Verdict.NO_DATA
    assert verdict(build, HEARTBEAT, stale, 21).verdict is Verdict.NO_DATA
    assert verdict(build, "observation_age > 20.0", stale, 21).verdict is Verdict.TRUE
    assert verdict(build, HEARTBEAT, cluster(build, observed=False), 21).verdict is Verdict.NO_DATA


def test_slow_polls_are_given_more_time(build) -> None:
    assert verdict(build, "!answered", cluster(build, poll_seconds=60.0), 100).verdict is Verdict.FALSE


def test_after_waking_up_an_old_observation_is_not_yet_a_missing_one(build) -> None:
    assert verdict(build, "!answered", cluster(build), seconds=3600, awake=3595).verdict is Verdict.SAYS_NOTHING
    assert verdict(build, "!answered", cluster(build), seconds=3600, awake=3500).verdict is Verdict.NO_DATA


def test_a_part_that_tells_no_heartbeat_is_unknown(build) -> None:
    assert verdict(build, HEARTBEAT, cluster(build, heartbeat_age=None)).verdict is Verdict.UNKNOWN
    assert verdict(build, HEARTBEAT, cluster(build, confidence=Confidence.STALE)).verdict is Verdict.UNKNOWN


def test_an_evaluation_error_is_unknown_with_its_reason(build) -> None:
    judgement = verdict(build, "10 / (1 - 1) > 3 && answered", cluster(build))
    assert (judgement.verdict, judgement.evidence) == (Verdict.UNKNOWN, "divide by zero")


def test_evidence_shows_the_values_that_decided(build) -> None:
    assert verdict(build, HEARTBEAT, cluster(build), 1).evidence == "answered = true, scheduler.heartbeat_age = 3"
