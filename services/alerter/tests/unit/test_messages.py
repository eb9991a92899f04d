"""Slack blocks and mails from hostile alerts: no mention, no foreign link, no foreign header, and all limits kept."""

import json
import re
from email import message_from_bytes, policy

import pytest

from alerter.application.channels import Permanent
from alerter.channels.email.channel import build as build_email
from alerter.channels.email.config import EmailConfig
from alerter.channels.email.message import mail
from alerter.channels.slack.channel import build as build_slack
from alerter.channels.slack.message import payload
from alerter.domain.notice import Notice, span
from shared.contracts.alerts import AlertState
from shared.testing.slack.blocks import problems_of

HOSTILE = (
    "<!channel> everybody",
    "<!here>",
    "<@U0123456>",
    "<#C0123456>",
    "<https://evil.example|Approve>",
    "https://evil.example/bare",
    "``` break out ``` *bold* _it_ ~gone~",
    "line\r\nBcc: victim@evil.example\r\n\r\nbody",
    "a@b>\r\nDATA",
    "</td><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnp.exe \u0000 \x1b[31m",
    "&lt;!channel&gt;",
    "&" * 5000,
    "<" * 5000,
    "x" * 5000,
    "{{ 7 * 7 }} {% raw %}",
)
CONFIG = EmailConfig(host="mail.example", sender="tower@flowtower.example", recipients=("team@flowtower.example", "b@flowtower.example"))


def notice(build, *alerts, **more) -> Notice:
    return Notice(
        **{
            "notification_id": "n-1",
            "message_id": "m-1",
            "transition": "fired",
            "alerts": alerts,
            "total": len(alerts),
            "shared": False,
            "channel": "team",
            "public_url": "https://tower.example",
            "now": build.begin,
            **more,
        },
    )


def hostile(build, text, **more):
    return build.alert(title=text, where=text, evidence=text, rule=text, acknowledged_by=text, url="/x|y>z<!channel>`", **more)


def markup(value: object) -> list[str]:
    """Return every mrkdwn text in a payload: the only places where Slack would read markup."""
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        return own + [text for entry in value.values() for text in markup(entry)]
    return [text for entry in value for text in markup(entry)] if isinstance(value, list) else []


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("shared", [False, True])
def test_slack_reads_no_markup_that_came_from_outside(build, text, shared) -> None:
    sent = payload(notice(build, hostile(build, text), shared=shared, possible_duplicate=True))
    assert problems_of(sent["blocks"]) == []
    assert len(sent["text"]) <= 4000
    assert "<" not in sent["text"]
    for mrkdwn in markup(sent["blocks"]):
        assert re.fullmatch(r"<https://tower\.example/[^<>|`\s]*\|Open in Flowtower>", mrkdwn)
    plain = json.dumps(sent["blocks"]).replace(json.dumps(markup(sent["blocks"])[0])[1:-1], "")
    assert "<" not in plain
    assert (sent["parse"], sent["link_names"], sent["unfurl_links"]) == ("none", False, False)


def test_slack_takes_a_flood_within_its_limits(build) -> None:
    many = [hostile(build, "<" * 4000) for _ in range(20)]
    sent = payload(notice(build, *many, shared=True, total=10_000))
    assert problems_of(sent["blocks"]) == []
    assert "and 9980 more" in json.dumps(sent["blocks"])


def test_slack_tells_firing_and_recovery_in_one_message(build) -> None:
    over = build.alert(state=AlertState.OK, resolved_at=build.begin.replace(minute=2))
    text = json.dumps(payload(notice(build, over)), ensure_ascii=False)
    assert "Resolved: Something is wrong" in text
    assert "Fired\\n2026-03-01" in text or "Fired 2026-03-01" in text
    assert "after 2 min" in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("shared", [False, True])
def test_mail_keeps_its_headers_and_escapes_its_html(build, text, shared) -> None:
    sent = message_from_bytes(mail(notice(build, hostile(build, text), shared=shared), CONFIG).as_bytes(), policy=policy.default)
    assert sorted(name.lower() for name in sent) == sorted(
        ["subject", "from", "to", "date", "message-id", "references", "in-reply-to", "auto-submitted", "mime-version", "content-type"]
    )
    assert (sent["from"], sent["to"]) == ("tower@flowtower.example", "team@flowtower.example, b@flowtower.example")
    assert len(sent["subject"]) <= 210
    html = sent.get_body(preferencelist=("html",)).get_content()
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in sent["subject"]


def test_mails_of_one_incident_make_a_thread_and_a_repeated_one_is_recognisable(build) -> None:
    fired = mail(notice(build, build.alert()), CONFIG)
    again = mail(notice(build, build.alert(), possible_duplicate=True), CONFIG)
    over = build.alert(state=AlertState.OK, resolved_at=build.begin)
    resolved = mail(notice(build, over, notification_id="n-2", transition="resolved"), CONFIG)
    assert fired["Message-ID"] == again["Message-ID"] == "<n-1@flowtower.example>"
    assert resolved["Message-ID"] == "<n-2@flowtower.example>"
    assert fired["References"] == resolved["References"] == resolved["In-Reply-To"] == "<m-1@flowtower.example>"
    assert resolved["Subject"] == f"Re: {fired['Subject']}"
    assert again["X-Flowtower-Possible-Duplicate"] == "yes"
    assert "Possible duplicate" in again.get_body(preferencelist=("plain",)).get_content()


@pytest.mark.parametrize(
    ("build_", "options", "secret", "field"),
    [
        (build_slack, {"channel": "#a b"}, {"token": "x"}, "channel"),
        (build_slack, {"channel": "#alerts"}, {}, "token"),
        (build_slack, {"channel": "#alerts", "colour": "red"}, {"token": "x"}, "colour"),
        (build_slack, {"channel": "#alerts", "base_url": "file:///etc"}, {"token": "x"}, "base_url"),
        (build_email, {"host": "h", "sender": "a@b>\r\nDATA", "recipients": ["a@b.example"]}, {}, "sender"),
        (build_email, {"host": "h", "sender": "a@b.example", "recipients": ["Bob <b@c.example>"]}, {}, "recipients.0"),
        (build_email, {"host": "h", "sender": "a@b.example", "recipients": ["a@b.example\nBcc: x@y.example"]}, {}, "recipients.0"),
        (build_email, {"host": "h", "sender": "a@b.example", "recipients": []}, {}, "recipients"),
    ],
)
def test_wrong_settings_are_refused_by_the_name_of_the_field_and_without_secrets(build_, options, secret, field) -> None:
    with pytest.raises(Permanent) as refused:
        build_(options, {**secret, "wrong": "hunter2"} if "token" not in secret and build_ is build_slack else secret, None)
    assert f"{field}:" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59, "59 s"), (125, "2 min 5 s"), (3600, "1 h"), (90_061, "1 d 1 h")])
def test_spans_read_well(seconds, words) -> None:
    assert span(seconds) == words
