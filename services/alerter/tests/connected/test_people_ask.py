"""Acknowledging, silencing, testing a channel, checking a rule, removing one."""

import asyncio
import uuid
from datetime import timedelta

import httpx
import pytest

from shared.contracts import alerts
from shared.contracts.alerts import AcknowledgeAlert, AlertChanged, AlertState, RuleDefined, RuleSubject, SilenceRule
from shared.contracts.topics import ALERTS_COMMANDS, ALERTS_RULES, CLUSTERS_REGISTRY
from shared.runtime.clock import now

pytestmark = pytest.mark.connected

HEARTBEAT = "answered && scheduler.heartbeat_age > 30.0"


async def test_an_acknowledgement_is_shown_in_the_message(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: world.notifications(channel) and world.notifications(channel)[-1].status == "sent")
    alert = world.alerts(rule.rule_id)[-1]
    await world.say(ALERTS_COMMANDS, alert.alert_id, AcknowledgeAlert(alert_id=alert.alert_id, requested_by="ada"))
    await world.until(lambda: "Taken by" in str(world.slack.messages()[0].blocks))
    assert world.alerts(rule.rule_id)[-1].acknowledged_by == "ada"


async def test_a_silenced_rule_is_kept_and_shown_and_told_when_the_silence_ends(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    silence = SilenceRule(rule_id=rule.rule_id, until=now() + timedelta(seconds=5), requested_by="ada", reason="upgrade")
    await world.say(ALERTS_COMMANDS, rule.rule_id, silence)

    async def silenced() -> bool:
        return bool(await world.query("SELECT 1 FROM alerter.silences WHERE rule_id = $1", rule.rule_id))

    await world.until(silenced)
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: any(a.state is AlertState.FIRING for a in world.alerts(rule.rule_id)))
    assert world.slack.messages() == []
    await world.until(world.slack.messages, about="told after the silence")
    assert now() >= silence.until


async def test_a_test_message_arrives_and_its_answer_names_the_request(world) -> None:
    channel = await world.slack_channel()
    request = f"req-{uuid.uuid4().hex[:8]}"
    await world.say(ALERTS_COMMANDS, channel, alerts.TestChannel(channel_id=channel, request_id=request))
    await world.until(lambda: world.notifications(channel) and world.notifications(channel)[-1].status == "sent")
    last = world.notifications(channel)[-1]
    assert (last.transition, last.request_id, last.alert_id) == ("test", request, None)
    assert "Test message" in world.slack.messages()[0].text


async def test_removing_a_rule_or_a_cluster_ends_its_alerts(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    gone = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    other = await world.rule(RuleSubject.CLUSTER, "scheduler.heartbeat_age > 40.0", channel)
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: len(world.slack.messages()) == 2)
    await world.say(ALERTS_RULES, gone.rule_id, None)
    await world.until(lambda: world.alerts(gone.rule_id)[-1].state is AlertState.OK)
    assert "removed" in world.alerts(gone.rule_id)[-1].evidence
    assert world.alerts(other.rule_id)[-1].state is AlertState.FIRING
    await world.say(CLUSTERS_REGISTRY, cluster, None)
    await world.until(lambda: world.alerts(other.rule_id)[-1].state is AlertState.OK)
    await world.until(lambda: all("Resolved" in message.text for message in world.slack.messages()))


async def test_a_rule_that_cannot_be_asked_shows_itself_as_unknown(world) -> None:
    rule = await world.rule(RuleSubject.CLUSTER, "answerd")
    await world.until(lambda: world.alerts(rule.rule_id))
    alert = world.alerts(rule.rule_id)[-1]
    assert alert.state is AlertState.UNKNOWN
    assert "no variable “answerd”" in alert.evidence
    fixed = RuleDefined(rule_id=rule.rule_id, name=rule.name, subject=RuleSubject.CLUSTER, expression="!answered", revision=2)
    await world.say(ALERTS_RULES, rule.rule_id, fixed)
    await world.until(lambda: world.alerts(rule.rule_id)[-1].state is AlertState.OK)


async def test_a_held_failure_is_pending_until_its_time_has_come(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel, hold=3)
    await world.observe(cluster, heartbeat_age=50)

    def seen() -> list[AlertChanged]:
        # On a busy machine the cluster may count as one without data before its first observation is read.
        return [alert for alert in world.alerts(rule.rule_id) if alert.state is not AlertState.NO_DATA]

    await world.until(seen)
    assert seen()[0].state is AlertState.PENDING
    await asyncio.sleep(1)
    assert world.slack.messages() == []
    await world.until(world.slack.messages)
    pending, fired = seen()[:2]
    assert fired.state is AlertState.FIRING
    assert (fired.at - pending.at).total_seconds() >= 3


def test_the_gateway_may_ask_whether_a_rule_makes_sense_and_strangers_may_not(process) -> None:
    wrong = {"subject": "cluster", "expression": "answered &&\n hartbeat > 1.0"}
    answer = process.ask("POST", "/internal/rules/check", json=wrong).json()
    assert (answer["ok"], answer["line"], answer["column"]) == (False, 2, 2)
    assert "hartbeat" in answer["message"]
    assert answer["variables"]["scheduler.heartbeat_age"] == "double"
    right = {"subject": "dag_run", "expression": 'state == "failed"', "summary": "{dag_id} failed"}
    assert process.ask("POST", "/internal/rules/check", json=right).json()["ok"]
    unknown = process.ask("POST", "/internal/rules/check", json={"subject": "moon", "expression": "true"})
    assert unknown.status_code == 422
    assert "dag_run" in unknown.text
    examples = process.ask("GET", "/internal/rules/examples").json()
    assert {example["name"] for example in examples} >= {"scheduler-heartbeat", "dag-run-failed", "workflow-failed", "cluster-away"}
    assert httpx.post(f"{process.url}/internal/rules/check", json=right, timeout=5).status_code == 401
