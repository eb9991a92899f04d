"""From a failed workflow to people: one Slack message and one mail thread for each incident, updated when it recovers."""

import pytest

from shared.testing.kafka import KafkaPart
from shared.testing.orders import fill
from shared.testing.rabbitmq import RabbitPart
from shared.testing.slack import SlackPart
from shared.testing.smtp import SmtpPart
from shared.testing.tower import Api
from shared.testing.wait import eventually

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
