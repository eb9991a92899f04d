"""Slack and the mail server misbehave; nobody is told twice, and nothing is lost."""

import asyncio
import itertools
import time

import pytest

from shared.contracts.alerts import RuleSubject
from shared.contracts.topics import ALERTS_CHANNELS

pytestmark = pytest.mark.connected

HEARTBEAT = "answered && scheduler.heartbeat_age > 30.0"


async def firing(world, *channels: str) -> str:
    """Make a rule and a cluster that it fires for, and return the cluster."""
    cluster = await world.cluster()
    await world.rule(RuleSubject.CLUSTER, HEARTBEAT, *channels)
    await world.observe(cluster, heartbeat_age=50)
    return cluster


async def test_mails_of_an_incident_are_a_thread_over_tls_with_a_login(world) -> None:
    channel = await world.mail_channel()
    cluster = await firing(world, channel)
    (fired,) = await world.until(lambda: world.smtp.messages)
    await world.observe(cluster, heartbeat_age=1)
    await world.until(lambda: len(world.smtp.messages) == 2)
    resolved = world.smtp.messages[1]

    assert fired.over_tls
    assert fired.login == world.smtp.username
    assert fired.recipients == ("team@flowtower.example",)
    assert "Firing" in fired.text
    assert "Resolved" in resolved.text
    assert fired.message["References"] == resolved.message["References"]
    assert fired.message["Message-ID"] != resolved.message["Message-ID"]
    assert resolved.subject == f"Re: {fired.subject}"
    await world.until(lambda: [n.status for n in world.notifications(channel)].count("sent") == 2)


async def test_a_mail_server_that_puts_off_gets_the_mail_later_and_one_that_refuses_the_login_is_told(world) -> None:
    world.smtp.refuse_next(2)
    good, bad = await world.mail_channel(), await world.mail_channel(password="wrong")
    await firing(world, good, bad)
    await world.until(lambda: len(world.smtp.messages) == 1)
    await world.until(lambda: any(n.status == "failed" for n in world.notifications(bad)))
    assert "refused the login" in world.notifications(bad)[-1].reason
    await world.until(lambda: world.notifications(good)[-1].status == "sent")
    assert world.notifications(good)[-1].attempts == 3
    assert "451" in world.notifications(good)[-2].reason
    assert len(world.smtp.messages) == 1


async def test_retry_after_is_honoured_by_everything_that_goes_to_that_channel(world) -> None:
    world.slack.rate_limit(1, retry_after=3)
    channel = await world.slack_channel()
    await firing(world, channel)
    await world.until(lambda: world.slack.requests, about="the first call")
    await firing(world, channel)
    await world.until(lambda: len(world.slack.messages()) == 2, within=20)
    first, *later = [request for request in world.slack.requests if request.method == "chat.postMessage"]
    assert first.status == 429
    assert all(request.at - first.at >= 3 for request in later)
    assert world.slack.impatient == 0
    gaps = [after.at - before.at for before, after in itertools.pairwise(later)]
    assert all(gap >= 0.95 for gap in gaps), "at most one message a second and channel"


async def test_an_expired_token_fails_visibly_and_a_new_one_tells_what_was_missed(world) -> None:
    world.slack.refuse_token("token_expired")
    channel = await world.slack_channel()
    await firing(world, channel)
    await world.until(lambda: any(n.status == "failed" for n in world.notifications(channel)))
    failed = world.notifications(channel)[-1]
    assert "token_expired" in failed.reason
    assert "make a new one" in failed.reason
    assert failed.alert_id is not None
    calls = len(world.slack.requests)
    await asyncio.sleep(2)
    assert len(world.slack.requests) == calls, "a refusal for good is not tried again"

    world.slack.clear()
    sealed = world.alerter.seal(channel, token=world.slack.token)
    options = {"channel": "#alerts", "base_url": world.slack.base_url}
    again = {"channel_id": channel, "name": channel, "kind": "slack", "options": options, "sealed_secret": sealed, "revision": 2}
    await world.say(ALERTS_CHANNELS, channel, ALERTS_CHANNELS.adapter.validate_python(again))
    await world.until(lambda: len(world.slack.messages()) == 1, about="told after the token was renewed")


@pytest.mark.parametrize("how", ["refuse", "503"])
async def test_slack_away_means_told_afterwards_once_with_the_recovery(world, how) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    world.slack.away(how)
    began = time.monotonic()
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: any(n.attempts >= 2 for n in world.notifications(channel)), about="tried and put off")
    await world.observe(cluster, heartbeat_age=1)
    await world.until(lambda: world.events and any(getattr(event, "resolved_at", None) for event in world.events))
    await asyncio.sleep(max(0.0, 12 - (time.monotonic() - began)))
    world.slack.back()
    await world.until(lambda: world.notifications(channel)[-1].status == "sent", within=20)
    await asyncio.sleep(3)
    (message,) = world.slack.messages()
    assert "Resolved" in message.text
    assert "Fired" in str(message.blocks)
    assert message.edits == []
    assert len({n.notification_id for n in world.notifications(channel)}) == 1


async def test_a_cut_off_answer_is_sent_again_and_says_so(world) -> None:
    world.slack.cut_answers(1)
    channel = await world.slack_channel()
    await firing(world, channel)
    await world.until(lambda: world.notifications(channel) and world.notifications(channel)[-1].status == "sent")
    first, second = world.slack.messages()
    assert "Possible duplicate" not in str(first.blocks)
    assert "Possible duplicate" in str(second.blocks)
    assert world.notifications(channel)[-1].possible_duplicate


async def test_a_channel_that_does_not_exist_or_cannot_be_posted_to_is_told(world) -> None:
    closed = await world.slack_channel(channel="C0CLOSED")
    await firing(world, closed)
    await world.until(lambda: any(n.status == "failed" for n in world.notifications(closed)))
    assert "invite it to the channel" in world.notifications(closed)[-1].reason


async def test_an_address_that_policy_forbids_is_not_called(world) -> None:
    channel = await world.slack_channel(base_url="http://169.254.169.254/api/")
    await firing(world, channel)
    await world.until(lambda: any(n.status == "failed" for n in world.notifications(channel)))
    assert "169.254.169.254" in world.notifications(channel)[-1].reason
