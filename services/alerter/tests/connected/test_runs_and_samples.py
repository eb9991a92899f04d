"""Failed DAG runs, failed workflows, samples from outside programs, and garbage between them."""

import json
import uuid
from datetime import timedelta

import pytest

from shared.contracts.alerts import AlertState, RuleSubject
from shared.contracts.dags import DagRunSeen, DagRunsObserved, DagSeen, DagsObserved
from shared.contracts.metrics import MetricSamples, Sample
from shared.contracts.runs import ComponentFinished, Failure, RunFinished, RunReopened, RunStarted
from shared.contracts.topics import DAGS_OBSERVATIONS, METRICS_SAMPLES, RUNS_OUTCOMES
from shared.runtime.clock import now

pytestmark = pytest.mark.connected


def runs_seen(cluster: str, *runs: tuple[str, str, int], dag: str = "orders_hourly", first_sight: bool = False) -> DagRunsObserved:
    begun = now() - timedelta(hours=1)
    seen = tuple(
        DagRunSeen(
            dag_id=dag,
            dag_run_id=name,
            state=state,
            sort_at=begun + timedelta(minutes=order),
            started_at=begun + timedelta(minutes=order),
            ended_at=begun + timedelta(minutes=order + 1) if state in {"failed", "success"} else None,
        )
        for name, state, order in runs
    )
    return DagRunsObserved(cluster_id=cluster, observed_at=now(), first_sight=first_sight, runs=seen)


async def test_a_failed_dag_run_is_told_and_a_later_success_recovers_it(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster(environment="prod")
    rule = await world.rule(RuleSubject.DAG_RUN, 'state == "failed" && "critical" in tags', channel, summary="{dag_id} failed on {cluster}")
    dags = (DagSeen(dag_id="orders_hourly", is_paused=False, tags=("critical",)), DagSeen(dag_id="toy", is_paused=False))
    await world.say(DAGS_OBSERVATIONS, cluster, DagsObserved(cluster_id=cluster, observed_at=now(), sweep="s1", part=0, parts=1, dags=dags))
    await world.say(DAGS_OBSERVATIONS, cluster, runs_seen(cluster, ("old", "failed", 0), first_sight=True))
    await world.say(DAGS_OBSERVATIONS, cluster, runs_seen(cluster, ("t1", "failed", 1), dag="toy"))
    await world.say(DAGS_OBSERVATIONS, cluster, runs_seen(cluster, ("r1", "running", 1)))
    await world.say(DAGS_OBSERVATIONS, cluster, runs_seen(cluster, ("r1", "failed", 1)))

    (message,) = await world.until(world.slack.messages)
    assert f"orders_hourly failed on {cluster}" in message.text
    fired = world.alerts(rule.rule_id)[0]
    assert fired.where == f"{cluster} · orders_hourly"
    assert "run r1 failed" in fired.evidence

    await world.say(DAGS_OBSERVATIONS, cluster, runs_seen(cluster, ("r2", "failed", 2), ("r3", "running", 3)))
    await world.until(lambda: "Times" in str(world.slack.messages()[0].blocks), about="the second failure is told in the same message")
    assert world.alerts(rule.rule_id)[-1].state is AlertState.FIRING
    await world.say(DAGS_OBSERVATIONS, cluster, runs_seen(cluster, ("r3", "success", 3)))
    await world.until(lambda: "Resolved" in world.slack.messages()[0].text)
    assert len(world.slack.messages()) == 1
    assert {alert.alert_id for alert in world.alerts(rule.rule_id)} == {fired.alert_id}


async def test_a_failed_workflow_is_told_with_its_component_and_recovers_by_a_retry(world) -> None:
    channel = await world.slack_channel()
    rule = await world.rule(RuleSubject.WORKFLOW_RUN, 'status == "failed"', channel, summary="{workflow} failed at {component}")
    run, workflow = f"run-{uuid.uuid4().hex[:8]}", f"wf-{uuid.uuid4().hex[:8]}"
    about = {"run_id": run, "workflow_id": workflow}
    failure = Failure(code="QueueNotFound", message="There is no queue named orders.", retryable=False)
    finished = {"started_at": now(), "workflow": "order-processing"}
    events = [
        RunStarted(**about, seq=1, at=now(), workflow="order-processing", version=1),
        ComponentFinished(**about, seq=2, at=now(), component="OrderQueue", status="failed", failure=failure),
        ComponentFinished(**about, seq=3, at=now(), component="OrderService", status="upstream_failed"),
        RunFinished(**about, seq=4, at=now(), status="failed", **finished),
    ]
    for event in events:
        await world.say(RUNS_OUTCOMES, run, event)
    (message,) = await world.until(world.slack.messages)
    assert "order-processing failed at OrderQueue" in message.text
    assert "QueueNotFound" in world.alerts(rule.rule_id)[0].evidence
    assert world.alerts(rule.rule_id)[0].url == f"/runs/{run}/"

    await world.say(RUNS_OUTCOMES, run, RunReopened(**about, seq=5, at=now(), again={"OrderQueue": 2}))
    await world.say(RUNS_OUTCOMES, run, RunFinished(**about, seq=6, at=now(), status="succeeded", **finished))
    await world.until(lambda: "Resolved" in world.slack.messages()[0].text)
    assert len(world.slack.messages()) == 1


async def test_garbage_among_samples_is_set_aside_with_its_reason_and_the_next_is_handled(world) -> None:
    channel = await world.slack_channel()
    await world.rule(RuleSubject.SAMPLE, 'name == "orders_waiting" && value > 10.0', channel, summary="{source}: {value} orders wait")
    source = f"billing-{uuid.uuid4().hex[:6]}"
    dead = METRICS_SAMPLES.dead_letter("alerter.samples")
    before = len(await world.kafka.read(dead, within=5))
    garbage = b"\xff\x00 no json " + source.encode()
    await world.say(METRICS_SAMPLES, source, garbage)
    await world.say(METRICS_SAMPLES, source, json.dumps({"source": source, "samples": [{"name": "9 lives", "value": "many"}]}).encode())
    good = MetricSamples(source=source, samples=(Sample(name="orders_waiting", value=42),))
    await world.say(METRICS_SAMPLES, source, good)

    (message,) = await world.until(world.slack.messages)
    assert f"{source}: 42 orders wait" in message.text
    set_aside = (await world.kafka.read(dead, at_least=before + 2))[before:]
    mine = {record.value: {name: value.decode() for name, value in record.headers if name.startswith("dl_")} for record in set_aside}
    assert mine[garbage]["dl_kind"] == "undecodable"
    (invalid,) = [headers for value, headers in mine.items() if value != garbage]
    assert invalid["dl_kind"] == "invalid"
    assert "samples.0.name" in invalid["dl_reason"]

    await world.say(METRICS_SAMPLES, source, MetricSamples(source=source, samples=(Sample(name="orders_waiting", value=3),)))
    await world.until(lambda: "Resolved" in world.slack.messages()[0].text)


async def test_a_series_that_stops_has_no_data_which_is_no_recovery(world) -> None:
    channel = await world.slack_channel()
    rule = await world.rule(RuleSubject.SAMPLE, 'name == "lag" && value > 10.0', channel)
    source = f"stream-{uuid.uuid4().hex[:6]}"
    await world.say(METRICS_SAMPLES, source, MetricSamples(source=source, samples=(Sample(name="lag", value=42),)))
    await world.until(lambda: any(alert.state is AlertState.NO_DATA for alert in world.alerts(rule.rule_id)))
    assert world.alerts(rule.rule_id)[-1].resolved_at is None
    await world.until(lambda: "No data" in world.slack.messages()[0].text)
    await world.say(METRICS_SAMPLES, source, MetricSamples(source=source, samples=(Sample(name="lag", value=1),)))
    await world.until(lambda: "Resolved" in world.slack.messages()[0].text)
    assert len({alert.alert_id for alert in world.alerts(rule.rule_id)}) == 1


async def test_a_flood_of_one_rule_is_few_messages_and_every_alert_is_kept(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.DAG_RUN, 'state == "failed"', channel)
    for number in range(40):
        await world.say(DAGS_OBSERVATIONS, cluster, runs_seen(cluster, ("r1", "failed", 1), dag=f"dag_{number}"))
    await world.until(lambda: len({alert.alert_id for alert in world.alerts(rule.rule_id)}) == 40, within=30)
    await world.until(lambda: any("alerts of" in message.text for message in world.slack.messages()), within=60)
    assert len(world.slack.messages()) <= 11
