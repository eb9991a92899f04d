"""An alert as Slack blocks. Pure.

Whatever comes from outside stands in ``plain_text`` objects, where Slack knows no markup, and is escaped all the same: the
three characters ``& < >`` are Slack's control characters on the wire. The only markup is a link that we make ourselves.
Limits are Slack's own: https://api.slack.com/reference/block-kit/blocks.
"""

from typing import Any

from alerter.domain.alert import Alert
from alerter.domain.notice import Notice, headline, story
from shared.contracts.alerts import AlertState, Severity

HEADER_LIMIT = 150
FIELD_LIMIT = 2000
TEXT_LIMIT = 3000
FALLBACK_LIMIT = 3000
FIELDS_IN_A_SECTION = 10

_FIRING = {Severity.CRITICAL: "\N{LARGE RED CIRCLE}", Severity.WARNING: "\N{LARGE ORANGE CIRCLE}", Severity.INFO: "\N{LARGE BLUE CIRCLE}"}
_RESOLVED = "\N{LARGE GREEN CIRCLE}"
_UNSURE = "\N{MEDIUM WHITE CIRCLE}"

Block = dict[str, Any]


def payload(notice: Notice) -> dict[str, Any]:
    """Return the body of chat.postMessage and chat.update, without the channel."""
    if notice.transition == "test":
        blocks, text = _test(notice)
    elif len(notice.alerts) == 1 and not notice.shared:
        blocks, text = _one(notice, notice.alerts[0])
    else:
        blocks, text = _many(notice)
    if notice.possible_duplicate:
        blocks.append(_context("Possible duplicate: the answer to an earlier sending was cut off, so you may see this twice."))
    return {
        "text": escaped(text, FALLBACK_LIMIT),
        "blocks": blocks,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _one(notice: Notice, alert: Alert) -> tuple[list[Block], str]:
    head = f"{_sign(alert)} {headline(alert)}"
    fields = [_plain(f"{label}\n{one_line(text)}", FIELD_LIMIT) for label, text in story(alert, notice.now) if label != "Evidence"]
    blocks = [_header(head), {"type": "section", "fields": fields[:FIELDS_IN_A_SECTION]}]
    if alert.evidence:
        blocks.append({"type": "section", "text": _plain(one_line(alert.evidence), TEXT_LIMIT)})
    blocks.append(_link(notice.link(alert)))
    return blocks, f"{head} · {alert.where}"


def _many(notice: Notice) -> tuple[list[Block], str]:
    still = notice.open_alerts
    rule = notice.alerts[0].rule if notice.alerts else ""
    head = f"{notice.total} alerts of {rule}" + (f", {still} of those shown still open" if still else ", all shown are resolved")
    lines = [f"{_sign(alert)} {headline(alert)} · {alert.where}" for alert in notice.alerts]
    blocks = [_header(head)]
    blocks += [{"type": "section", "text": _plain(one_line(line), TEXT_LIMIT)} for line in lines]
    if notice.total > len(lines):
        blocks.append(_context(f"and {notice.total - len(lines)} more"))
    blocks.append(_link(notice.public_url.rstrip("/") + "/alerts/"))
    return blocks, head


def _test(notice: Notice) -> tuple[list[Block], str]:
    text = f"Test message for the channel {notice.channel}: alerts will look for you here."
    return [_header("Flowtower test message"), {"type": "section", "text": _plain(text, TEXT_LIMIT)}], text


def _sign(alert: Alert) -> str:
    if alert.state is AlertState.FIRING:
        return _FIRING[alert.severity]
    return _RESOLVED if alert.state is AlertState.OK else _UNSURE


def one_line(text: str) -> str:
    """Return the text without control characters and line breaks, which could make it look like another message."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def escaped(text: str, limit: int) -> str:
    """Return the text with Slack's control characters escaped, cut so that the escaped form keeps the limit."""
    out: list[str] = []
    room = limit
    for char in text:
        safe = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(char, char)
        if len(safe) > room - 1:
            out.append("…")
            break
        out.append(safe)
        room -= len(safe)
    return "".join(out)


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": escaped(text, limit), "emoji": False}


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain(one_line(text), HEADER_LIMIT)}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_plain(text, FIELD_LIMIT)]}


def _link(url: str) -> Block:
    safe = url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C").replace("`", "%60")
    safe = "".join(char for char in safe if char.isprintable() and not char.isspace())[:1900]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{safe}|Open in Flowtower>", "verbatim": True}]}
