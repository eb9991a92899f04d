"""From an observation to a message in Slack and in the mail box, and back to ok."""

import re
from datetime import timedelta

import pytest

from shared.contracts.alerts import AlertState, RuleSubject, Severity
from shared.contracts.clusters import Reach
from shared.runtime.clock import now

pytestmark = pytest.mark.connected

HEARTBEAT = "answered && scheduler.heartbeat_age > 30.0"


async def test_a_missing_heartbeat_is_told_and_its_recovery_updates_the_same_message(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel, severity=Severity.CRITICAL, summary="No heartbeat on {name} for 30 s")
    await world.observe(cluster, heartbeat_age=45)

    (message,) = await world.until(world.slack.messages, about="a Slack message")
    assert f"No heartbeat on {cluster} for 30 s" in message.text
    assert "Firing" in message.text
    (fired,) = [event for event in world.alerts(rule.rule_id) if event.state is AlertState.FIRING]
    assert fired.where == cluster
    assert "scheduler.heartbeat_age = " in fired.evidence

    await world.observe(cluster, heartbeat_age=2)
    await world.until(lambda: "Resolved" in world.slack.messages()[0].text, about="the message updated")
    assert len(world.slack.messages()) == 1
    resolved = world.alerts(rule.rule_id)[-1]
    assert (resolved.state, resolved.alert_id) == (AlertState.OK, fired.alert_id)
    await world.until(lambda: [n.status for n in world.notifications(channel)] == ["waiting", "sent", "waiting", "sent"])
    assert world.notifications(channel)[-1].receipt.startswith("C0ALERTS:")

    await world.observe(cluster, heartbeat_age=60)
    await world.until(lambda: len(world.slack.messages()) == 2, about="a new incident is a new message")
    assert world.alerts(rule.rule_id)[-1].alert_id != fired.alert_id
    assert world.alerts(rule.rule_id)[-1].fingerprint == fired.fingerprint


async def test_the_absence_of_heartbeats_is_noticed_without_another_observation(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel, summary="No heartbeat on {name} for 30 s")
    await world.observe(cluster, heartbeat_age=26)
    observed_at = now()
    (message,) = await world.until(world.slack.messages, within=12, about="the age went over 30 s by itself")
    assert f"No heartbeat on {cluster} for 30 s" in message.text
    (fired,) = await world.until(lambda: [event for event in world.alerts(rule.rule_id) if event.state is AlertState.FIRING])
    assert fired.where == cluster
    age = float(re.search(r"scheduler\.heartbeat_age = ([0-9.]+)", fired.evidence)[1])
    assert 30 < age < 45, "it is the age that fired, and not what the observation said"
    assert fired.since - observed_at > timedelta(seconds=3), "it fired when the age had come, not with the observation"


async def test_a_cluster_that_is_away_makes_component_rules_unknown_and_fires_only_the_rule_about_it(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    heartbeat = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    away = await world.rule(RuleSubject.CLUSTER, "!answered", channel)
    await world.observe(cluster, heartbeat_age=40)
    await world.until(lambda: len(world.slack.messages()) == 1)

    await world.observe(cluster, reach=Reach.UNREACHABLE)
    await world.until(lambda: len(world.slack.messages()) == 2, about="the rule about being away fires")
    await world.until(lambda: world.alerts(heartbeat.rule_id)[-1].state is AlertState.UNKNOWN)
    assert world.alerts(heartbeat.rule_id)[-1].resolved_at is None
    assert world.alerts(away.rule_id)[-1].state is AlertState.FIRING
    await world.until(lambda: "Unknown" in world.slack.messages()[0].text, about="the first message says that it cannot be told")

    await world.observe(cluster, heartbeat_age=1)
    await world.until(lambda: all("Resolved" in message.text for message in world.slack.messages()))
    assert len(world.slack.messages()) == 2
