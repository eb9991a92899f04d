"""From what failed to people: one Slack message and one mail thread for each incident, updated when it recovers."""

from typing import TYPE_CHECKING, Any

import pytest

from shared.testing.kafka import KafkaPart
from shared.testing.orders import fill
from shared.testing.rabbitmq import RabbitPart
from shared.testing.slack import SlackPart
from shared.testing.smtp import SmtpPart
from shared.testing.tower import Api
from shared.testing.wait import eventually

if TYPE_CHECKING:
    from conftest import Watched

pytestmark = pytest.mark.connected

YAML = """
workflow: {name}
components:
  OrderTopic: {{kind: kafka, endpoint: prod-kafka, topic: {name}}}
  OrderQueue: {{kind: mq, endpoint: orders-mq, queue: {name}}}
connections:
  - {{from: OrderTopic, to: OrderQueue}}
"""


async def make(flows: Api, path: str, body: dict[str, object]) -> str:
    return str((await flows.post(path, body))["id"])


@pytest.fixture(scope="module")
async def channels(flows: Api, slack: SlackPart, smtp: SmtpPart) -> list[str]:
    return [
        await make(
            flows,
            "/api/alerts/channels/",
            {
                "name": "slack",
                "kind": "slack",
                "options": {"channel": "#alerts", "base_url": slack.base_url},
                "secrets": {"token": slack.token},
            },
        ),
        await make(
            flows,
            "/api/alerts/channels/",
            {
                "name": "mail",
                "kind": "email",
                "options": {
                    "host": smtp.host,
                    "port": smtp.port,
                    "sender": "flowtower@flow.test",
                    "recipients": ["oncall@flow.test"],
                    "username": smtp.username,
                    "ca_pem": smtp.ca_pem,
                },
                "secrets": {"password": smtp.password},
            },
        ),
    ]


async def test_a_failed_workflow_reaches_slack_and_mail_once_and_is_taken_back(
    flows: Api, kafka: KafkaPart, rabbitmq: RabbitPart, slack: SlackPart, smtp: SmtpPart, channels: list[str]
) -> None:
    slack.clear()
    smtp.clear()
    await make(
        flows,
        "/api/alerts/rules/",
        {
            "name": "workflow-failed",
            "subject": "workflow_run",
            "expression": "status == 'failed' && workflow == 'alerted'",
            "severity": "critical",
            "summary": "{workflow} failed",
            "channels": channels,
        },
    )
    await fill(kafka, "alerted", 10)
    await flows.workflow(YAML.format(name="alerted"))
    run_id = await flows.start("alerted")
    assert (await flows.ended(run_id))["status"] == "failed"

    await eventually(
        lambda: len(slack.messages("alerts")) == 1 and len(smtp.messages) == 1, within=30, about="Slack and mail were told once"
    )
    first = slack.messages("alerts")[0]
    assert "alerted failed" in str(first.wire())
    assert "alerted" in smtp.messages[0].subject
    assert "alerted failed" in smtp.messages[0].text
    open_alerts = (await flows.get("/api/alerts/", state="open"))["items"]
    assert [alert["title"] for alert in open_alerts] == ["alerted failed"]

    async with rabbitmq.admin() as queues:
        await queues.declare("alerted")
        await flows.post(f"/api/runs/{run_id}/retry/", {"components": ["OrderQueue"]})

        async def succeeded() -> bool:
            return (await flows.run(run_id))["status"] == "succeeded"

        await eventually(succeeded, within=60)
        assert await queues.count("alerted") == 10

    await eventually(lambda: len(smtp.messages) == 2, within=30, about="the mail thread tells the recovery")
    await eventually(lambda: "resolved" in str(slack.messages("alerts")[0].wire()).lower(), within=30, about="the Slack message is updated")
    roots = [
        message
        for message in slack.messages("alerts")
        if not message.wire().get("thread_ts") or message.ts == message.wire().get("thread_ts")
    ]
    assert [message.ts for message in roots] == [first.ts], "one message for one incident"
    assert (await flows.get("/api/alerts/", state="open"))["items"] == []


def told(slack: SlackPart, words: str) -> list[str]:
    """Return the messages about something, as they read now: one for each incident."""
    return [str(message.wire()) for message in slack.messages("alerts") if words in str(message.wire()) and message.thread_ts is None]


async def rule(flows: Api, **given: Any) -> str:
    return await make(flows, "/api/alerts/rules/", {"severity": "critical", **given})


async def test_a_silent_scheduler_and_a_failed_dag_run_reach_slack_and_are_taken_back(
    flows: Api, slack: SlackPart, channels: list[str], watched: "Watched"
) -> None:
    """The rules stand in the API, the trouble in the cluster: between them the poller, Kafka and the alerter."""
    slack.clear()
    where = f"name == '{watched.name}'"
    rules = [
        await rule(
            flows,
            name="scheduler-silent",
            subject="cluster",
            expression=f"{where} && answered && scheduler.heartbeat_age > 12.0",
            summary="{name} has no heartbeat of its scheduler",
            channels=channels[:1],
        ),
        await rule(
            flows,
            name="dag-failed",
            subject="dag_run",
            expression=f"state == 'failed' && cluster == '{watched.name}'",
            summary="{dag_id} failed on {cluster}",
            channels=channels[:1],
        ),
    ]
    try:
        await watched.ask(action="trigger", dag_id="nightly")
        failed = f"nightly failed on {watched.name}"
        await eventually(lambda: len(told(slack, failed)) == 1, within=40, about="Slack is told of the failed DAG run")
        assert told(slack, "has no heartbeat") == [], "the scheduler beats"
        shown = (await flows.get("/api/alerts/", state="open"))["items"]
        assert [alert["title"] for alert in shown] == [failed]
        watched.repair()
        await watched.ask(action="trigger", dag_id="nightly")
        await eventually(lambda: "resolved" in told(slack, failed)[0].lower(), within=40, about="its success is told in the same message")

        watched.airflow.set(stop_scheduler=True)
        silent = f"{watched.name} has no heartbeat of its scheduler"
        await eventually(lambda: len(told(slack, silent)) == 1, within=50, about="Slack is told of the missing heartbeat")
        assert [alert["title"] for alert in (await flows.get("/api/alerts/", state="open"))["items"]] == [silent]
        watched.airflow.set(stop_scheduler=False)
        await eventually(lambda: "resolved" in told(slack, silent)[0].lower(), within=40, about="the heartbeat is told in the same message")
        assert (len(told(slack, silent)), len(told(slack, failed))) == (1, 1), "one message for one incident"
    finally:
        for each in rules:
            await flows.client.delete(f"/api/alerts/rules/{each}/", headers={"If-Match": "*"})
