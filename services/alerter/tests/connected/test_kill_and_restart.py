"""kill -9 at the worst moments: the state of alerts and every notification survive."""

import pytest

from shared.contracts.alerts import AlertState, RuleSubject

pytestmark = [pytest.mark.connected, pytest.mark.chaos]

HEARTBEAT = "answered && scheduler.heartbeat_age > 30.0"


@pytest.mark.parametrize(
    ("failpoint", "messages"),
    [
        ("alerter.tell.before_commit", 1),  # the alert and its notification roll back together and come again
        ("alerter.send.before", 1),  # claimed and not sent; nobody can know that, so it is a possible duplicate
        ("alerter.send.after", 2),  # sent and not recorded
    ],
)
async def test_a_notification_survives_a_kill_on_its_way(world, failpoint, messages) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    world.alerter.kill()
    world.alerter.start(FLOWTOWER_FAILPOINTS=f"{failpoint}=exit@1")
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: not world.alerter.process.running, within=40, about="the failpoint ended the process")
    assert world.alerter.process.exit_code == 86

    world.alerter.start()
    await world.observe(cluster, heartbeat_age=50)
    await world.until(lambda: world.notifications(channel) and world.notifications(channel)[-1].status == "sent", within=40)
    assert len({n.notification_id for n in world.notifications(channel)}) == 1
    assert len(world.slack.messages()) == messages
    possible = failpoint != "alerter.tell.before_commit"
    assert ("Possible duplicate" in str(world.slack.messages()[-1].blocks)) == possible
    assert world.notifications(channel)[-1].possible_duplicate == possible


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
    await world.until(lambda: "Resolved" in world.slack.messages()[0].text, within=30)
    assert len(world.slack.messages()) == 1
    last = world.alerts(rule.rule_id)[-1]
    assert (last.state, last.alert_id) == (AlertState.OK, incident)


async def test_two_replicas_tell_once_and_one_goes_on_alone(world) -> None:
    channel = await world.slack_channel()
    cluster = await world.cluster()
    rule = await world.rule(RuleSubject.CLUSTER, HEARTBEAT, channel)
    other = world.alerter.replica("1")
    other.start()
    try:
        await world.observe(cluster, heartbeat_age=50)
        await world.until(lambda: world.notifications(channel) and world.notifications(channel)[-1].status == "sent", within=40)
        world.alerter.kill()
        await world.observe(cluster, heartbeat_age=1)
        await world.until(lambda: "Resolved" in world.slack.messages()[0].text, within=60)
        assert len(world.slack.messages()) == 1
        assert len({alert.alert_id for alert in world.alerts(rule.rule_id)}) == 1
        assert not any(n.possible_duplicate for n in world.notifications(channel))
    finally:
        if not world.alerter.process.running:
            world.alerter.start()
        other.stop()
