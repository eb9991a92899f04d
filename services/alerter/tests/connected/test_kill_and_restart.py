"""kill -9 at the worst moments: the state of alerts and every notification survive."""

import pytest

from shared.contracts.alerts import AlertState, RuleSubject

pytestmark = [pytest.mark.connected, pytest.mark.chaos]

HEARTBEAT = "answered && scheduler.heartbeat_age > 30.0"


@pytest.mark.parametrize(
    ("failpoint", "messages"),
    [("alerter.send.before=exit@1", 1), ("alerter.send.after=exit@1", 2), ("outbox.after_commit=exit@40", None)],
)
async def test_a_notification_survives_a_kill_while_it_is_sent(world, failpoint, messages) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    world.alerter.stop()
    world.alerter.start(FLOWTOWER_FAILPOINTS=failpoint)
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: not world.alerter.process.running, within=40, about="the failpoint ended the process")
    assert world.alerter.process.exit_code == 86

    world.alerter.start()
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: world.notifications(channel) and world.notifications(channel)[-1].status == "sent", within=40)
    assert len({n.notification_id for n in world.notifications(channel)}) == 1
    if messages is not None:
        assert len(world.slack.messages()) == messages
        assert "Possible duplicate" in str(world.slack.messages()[-1].blocks)
        assert world.notifications(channel)[-1].possible_duplicate


async def test_an_incident_goes_on_after_a_kill_and_its_recovery_updates_the_same_message(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: world.notifications(channel) and world.notifications(channel)[-1].status == "sent")
    incident = world.alerts(rule.rule_id)[-1].alert_id

    world.alerter.kill()
    world.alerter.start()
    await world.observe(cluster, heartbeat_age=1)
    await world.until(lambda: "Recovered" in world.slack.messages()[0].text, within=30)
    assert len(world.slack.messages()) == 1
    last = world.alerts(rule.rule_id)[-1]
    assert (last.state, last.alert_id) == (AlertState.OK, incident)
