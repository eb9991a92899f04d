import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.testing.slack import SlackPart

pytestmark = pytest.mark.connected

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Scheduler* is silent"}}


@pytest.fixture
async def client(slack: SlackPart) -> AsyncIterator[httpx.AsyncClient]:
    slack.clear()
    headers = {"Authorization": f"Bearer {slack.token}"}
    async with httpx.AsyncClient(base_url=slack.base_url, headers=headers, trust_env=False) as client:
        yield client
    slack.clear()


async def call(client: httpx.AsyncClient, method: str, **arguments: Any) -> dict[str, Any]:
    response = await client.post(method, json=arguments)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_message_is_posted_answered_in_its_thread_and_updated(slack: SlackPart, client: httpx.AsyncClient) -> None:
    posted = await call(client, "chat.postMessage", channel="#alerts", text="down", blocks=[SECTION])
    assert posted["ok"]
    assert posted["channel"] == "C0ALERTS"
    reply = await call(client, "chat.postMessage", channel="C0ALERTS", text="more", thread_ts=posted["ts"])
    assert reply["ok"]
    updated = await call(client, "chat.update", channel="C0ALERTS", ts=posted["ts"], text="up again")
    assert updated["ok"]
    first, second = slack.messages("alerts")
    assert (first.text, first.blocks, first.edits) == ("up again", [], [("down", [SECTION])])
    assert second.thread_ts == first.ts
    assert slack.messages("other") == []


async def test_a_form_body_means_the_same_as_json(slack: SlackPart, client: httpx.AsyncClient) -> None:
    form = {"token": slack.token, "channel": "C0ALERTS", "text": "hi", "blocks": json.dumps([SECTION])}
    del client.headers["Authorization"]
    assert (await client.post("chat.postMessage", data=form)).json()["ok"]
    assert slack.messages()[0].blocks == [SECTION]
    assert (await client.post("chat.postMessage", json=form)).json()["error"] == "not_authed"


@pytest.mark.parametrize(
    ("blocks", "complaint"),
    [
        ([SECTION] * 51, "no more than 50 items"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "less than 3001"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}], "more than 0 characters"),
        ([{"type": "section"}], "text or fields"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "less than 151"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "valid text object type"),
        ([{"type": "carousel"}], "unsupported type: carousel"),
        ([dict(SECTION, colour="red")], "invalid additional property: colour"),
        ([dict(SECTION, fields=[{"type": "mrkdwn", "text": "x"}] * 11)], "no more than 10"),
        ([{"type": "context", "elements": []}], "no fewer than 1"),
        ([{"type": "actions", "elements": [{"type": "slider"}]}], "unsupported type: slider"),
        (
            [{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}]}],
            "less than 76",
        ),
        (
            [
                {
                    "type": "actions",
                    "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Go"}, "url": "/runs/1"}],
                }
            ],
            "valid URL",
        ),
        ([dict(SECTION, block_id="a"), dict(SECTION, block_id="a")], "already exists"),
    ],
)
async def test_blocks_that_slack_refuses_are_refused(
    slack: SlackPart, client: httpx.AsyncClient, blocks: list[Any], complaint: str
) -> None:
    answer = await call(client, "chat.postMessage", channel="C0ALERTS", text="x", blocks=blocks)
    assert (answer["ok"], answer["error"]) == (False, "invalid_blocks")
    assert complaint in "\n".join(answer["response_metadata"]["messages"])
    assert slack.messages() == []


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C0NONE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "old", "text": "x"}, "is_archived"),
        ("chat.postMessage", {"channel": "closed", "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": "alerts"}, "no_text"),
        ("chat.postMessage", {"channel": "alerts", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": "alerts", "blocks": "{"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": "alerts", "text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ("chat.postMessage", {"channel": "alerts", "text": "x", "thread_ts": "1.2"}, "message_not_found"),
        ("chat.update", {"channel": "C0ALERTS", "ts": "1.2", "text": "x"}, "message_not_found"),
        ("chat.update", {"channel": "alerts", "ts": "1.2", "text": "x"}, "channel_not_found"),
        ("chat.shout", {}, "unknown_method"),
    ],
)
async def test_calls_that_slack_refuses_are_refused(client: httpx.AsyncClient, method: str, arguments: dict[str, Any], error: str) -> None:
    assert await call(client, method, **arguments) == {"ok": False, "error": error}


async def test_tokens(slack: SlackPart, client: httpx.AsyncClient) -> None:
    assert (await call(client, "auth.test"))["bot_id"] == "B0FLOWTOWER"
    slack.refuse_token("token_expired")
    assert (await call(client, "auth.test"))["error"] == "token_expired"
    client.headers["Authorization"] = "Bearer xoxb-wrong"
    assert (await call(client, "auth.test"))["error"] == "invalid_auth"


async def test_whoever_calls_before_retry_after_is_over_is_limited_again(slack: SlackPart, client: httpx.AsyncClient) -> None:
    slack.rate_limit(1, retry_after=1)
    limited = await client.post("auth.test")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
    assert (await client.post("auth.test")).status_code == 429
    assert slack.impatient == 1
    time.sleep(1.1)
    assert (await client.post("auth.test")).json()["ok"]


async def test_it_can_be_away_or_cut_the_answer(slack: SlackPart, client: httpx.AsyncClient) -> None:
    slack.away("503")
    assert (await client.post("auth.test")).status_code == 503
    slack.back()
    slack.away()
    with pytest.raises(httpx.ConnectError):
        await client.post("auth.test")
    slack.back()
    slack.cut_answers(1)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("chat.postMessage", json={"channel": "alerts", "text": "sent?"})
    assert [message.text for message in slack.messages()] == ["sent?"]


async def test_channels_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    first = await call(client, "conversations.list", limit=2, exclude_archived=True)
    assert [each["name"] for each in first["channels"]] == ["alerts", "other"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await call(client, "conversations.list", limit=2, exclude_archived=True, cursor=cursor)
    assert [each["name"] for each in rest["channels"]] == ["closed"]
    assert rest["response_metadata"]["next_cursor"] == ""
    assert (await call(client, "conversations.join", channel="C0CLOSED"))["channel"]["is_member"]
    assert (await call(client, "conversations.info", channel="C0CLOSED"))["channel"]["is_member"]
