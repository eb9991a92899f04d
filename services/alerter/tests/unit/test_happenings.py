"""Runs and samples: failures fire, later successes resolve, history and old news do nothing."""

from datetime import timedelta

import pytest

from alerter.domain import happening
from alerter.domain.happening import DagFacts, RunFacts, SeenOn
from alerter.domain.rule import Verdict
from shared.contracts.alerts import RuleSubject
from shared.contracts.dags import DagRunSeen
from shared.contracts.metrics import Sample


def dag_run(build, name="r1", state="failed", *, order=0, ended=10, first_sight=False, facts=None, counts=None):
    run = DagRunSeen(
        dag_id="orders",
        dag_run_id=name,
        state=state,
        sort_at=build.begin + timedelta(minutes=order),
        started_at=build.begin,
        ended_at=build.begin + timedelta(minutes=ended) if ended else None,
        task_counts=counts,
    )
    return happening.dag_run(
        SeenOn("c1", "eu-prod", "prod"), run, facts or DagFacts(), observed_at=build.begin + timedelta(minutes=30), first_sight=first_sight
    )


@pytest.fixture
def failed(build):
    return build.rule('state == "failed"', RuleSubject.DAG_RUN)


def test_a_failed_run_fires_for_its_dag(build, failed) -> None:
    judgement = happening.judge(failed, dag_run(build), None)
    assert judgement.verdict is Verdict.TRUE
    assert (judgement.thing.key, judgement.thing.where) == ("c1/orders", "eu-prod · orders")
    assert judgement.evidence == "run r1 failed; state = failed"


def test_history_never_fires_and_may_resolve(build, failed) -> None:
    assert happening.judge(failed, dag_run(build, first_sight=True), None).verdict is Verdict.SAYS_NOTHING
    mark = dag_run(build).mark
    later = dag_run(build, "r2", "success", order=1, ended=11, first_sight=True)
    assert happening.judge(failed, later, mark).verdict is Verdict.FALSE


@pytest.mark.parametrize(
    ("name", "state", "order", "ended", "expected"),
    [
        ("r2", "success", 1, 11, Verdict.FALSE),  # a later run succeeded
        ("r1", "success", 0, 12, Verdict.FALSE),  # the same run was cleared and succeeded
        ("r0", "success", -1, 13, Verdict.SAYS_NOTHING),  # an earlier run says nothing about this one
        ("r2", "running", 1, None, Verdict.SAYS_NOTHING),  # not finished
        ("r2", "queued", 1, None, Verdict.SAYS_NOTHING),
        ("r2", "failed", 1, 11, Verdict.TRUE),  # failed again
        ("r1", "failed", 0, 10, Verdict.SAYS_NOTHING),  # told already
        ("r3", "failed", 2, 5, Verdict.SAYS_NOTHING),  # happened before what was judged last
    ],
)
def test_what_comes_after_a_failure(build, failed, name, state, order, ended, expected) -> None:
    assert happening.judge(failed, dag_run(build, name, state, order=order, ended=ended), dag_run(build).mark).verdict is expected


def test_what_a_dag_is_like_can_be_asked(build) -> None:
    rule = build.rule('state == "failed" && "critical" in tags && environment == "prod"', RuleSubject.DAG_RUN)
    assert happening.judge(rule, dag_run(build, facts=DagFacts(("critical",))), None).verdict is Verdict.TRUE
    assert happening.judge(rule, dag_run(build), None).verdict is Verdict.FALSE


def test_what_was_not_read_says_nothing(build) -> None:
    rule = build.rule("failed_tasks > 2", RuleSubject.DAG_RUN)
    assert happening.judge(rule, dag_run(build), None).verdict is Verdict.SAYS_NOTHING
    assert happening.judge(rule, dag_run(build, counts={"failed": 3}), None).verdict is Verdict.TRUE


def test_a_run_that_takes_too_long_is_a_rule_too(build) -> None:
    rule = build.rule('state == "running" && duration > 600.0', RuleSubject.DAG_RUN)
    slow = dag_run(build, state="running", ended=None)
    assert happening.judge(rule, slow, None).verdict is Verdict.TRUE
    assert happening.judge(rule, dag_run(build, state="success", ended=31), slow.mark).verdict is Verdict.FALSE


def workflow(build, run_id="r1", status="failed", *, started=0, at=5):
    return happening.workflow_run(
        RunFacts(
            run_id,
            "w1",
            "orders",
            1,
            status,
            build.begin + timedelta(minutes=started),
            build.begin + timedelta(minutes=at),
            component="OrderQueue" if status == "failed" else "",
            failure_code="QueueNotFound" if status == "failed" else "",
            failure_message="There is no queue named orders." if status == "failed" else "",
        ),
    )


@pytest.mark.parametrize(
    ("run_id", "status", "started", "at", "expected"),
    [
        ("r1", "succeeded", 0, 9, Verdict.FALSE),  # retried to success
        ("r2", "succeeded", 6, 9, Verdict.FALSE),  # a later run
        ("r0", "succeeded", -5, 9, Verdict.SAYS_NOTHING),  # an earlier run
        ("r1", "running", 0, 6, Verdict.SAYS_NOTHING),  # opened again
        ("r2", "cancelled", 6, 9, Verdict.SAYS_NOTHING),
        ("r2", "failed", 6, 9, Verdict.TRUE),
    ],
)
def test_a_failed_workflow_recovers_by_a_retry_or_a_later_run(build, run_id, status, started, at, expected) -> None:
    rule = build.rule('status == "failed"', RuleSubject.WORKFLOW_RUN)
    later = workflow(build, run_id, status, started=started, at=at)
    assert happening.judge(rule, later, workflow(build).mark).verdict is expected


def test_a_workflows_failure_tells_component_and_reason(build) -> None:
    rule = build.rule('failure_code == "QueueNotFound"', RuleSubject.WORKFLOW_RUN)
    judgement = happening.judge(rule, workflow(build), None)
    assert "OrderQueue QueueNotFound: There is no queue named orders." in judgement.evidence
    assert judgement.thing.url == "/runs/r1/"


def test_samples_are_one_thing_for_each_series(build) -> None:
    rule = build.rule('name == "lag" && value > 100.0 && labels.topic == "orders"', RuleSubject.SAMPLE)
    high = happening.sample("billing", Sample(name="lag", value=101, labels={"topic": "orders"}), build.begin)
    other = happening.sample("billing", Sample(name="lag", value=101, labels={"topic": "x"}), build.begin)
    assert happening.judge(rule, high, None).verdict is Verdict.TRUE
    assert happening.judge(rule, other, None).verdict is Verdict.FALSE
    assert high.thing.key != other.thing.key
