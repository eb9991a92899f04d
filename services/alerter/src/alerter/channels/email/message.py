"""An alert as mail. Pure.

Headers are set through ``EmailMessage`` only and on one line each; the HTML part is a template that escapes everything.
``Message-ID`` is made from the notification, so that a second sending is recognisably the same mail, and ``References``
from the live message, so that all mails of an incident make one thread.
"""

from email.message import EmailMessage
from email.utils import format_datetime

from jinja2 import DictLoader, Environment

from alerter.channels.email.config import EmailConfig
from alerter.domain.alert import Alert
from alerter.domain.notice import Notice, headline, story

SUBJECT_LIMIT = 200
DUPLICATE = "Possible duplicate: the answer to an earlier sending was cut off, so you may have got this twice."

_HTML = """\
<!doctype html>
<html lang="en"><body style="font-family:system-ui,sans-serif;color:#1f2937">
{%- for part in parts %}
<h2 style="font-size:18px;margin:16px 0 8px">{{ part.head }}</h2>
<table style="border-collapse:collapse;font-size:14px">
{%- for label, text in part.lines %}
<tr><td style="color:#6b7280;padding:2px 16px 2px 0;vertical-align:top">{{ label }}</td><td style="padding:2px 0">{{ text }}</td></tr>
{%- endfor %}
</table>
{%- if part.url %}
<p><a href="{{ part.url }}">Open in Flowtower</a></p>
{%- endif %}
{%- endfor %}
{%- for note in notes %}
<p style="color:#6b7280;font-size:13px">{{ note }}</p>
{%- endfor %}
</body></html>
"""
_environment = Environment(autoescape=True, loader=DictLoader({"mail": _HTML}))


class _Part:
    def __init__(self, head: str, lines: list[tuple[str, str]], url: str) -> None:
        self.head = one_line(head)
        self.lines = [(label, one_line(text)) for label, text in lines]
        self.url = url


def mail(notice: Notice, config: EmailConfig) -> EmailMessage:
    """Return the mail for a notice."""
    parts, notes = _content(notice)
    domain = config.sender.rpartition("@")[2]
    message = EmailMessage()
    message["Subject"] = subject(notice)
    message["From"] = config.sender
    message["To"] = ", ".join(config.recipients)
    message["Date"] = format_datetime(notice.now)
    message["Message-ID"] = f"<{notice.notification_id}@{domain}>"
    if notice.transition != "test":
        root = f"<{notice.message_id}@{domain}>"
        message["References"] = root
        message["In-Reply-To"] = root
    message["Auto-Submitted"] = "auto-generated"
    if notice.possible_duplicate:
        message["X-Flowtower-Possible-Duplicate"] = "yes"
    message.set_content(_text(parts, notes))
    message.add_alternative(_environment.get_template("mail").render(parts=parts, notes=notes), subtype="html")
    return message


def subject(notice: Notice) -> str:
    """Return the subject: the same for a whole thread but for ``Re:``, because some mail programs thread by it."""
    if notice.transition == "test":
        return "[Flowtower] Test message"
    if not notice.alerts:
        return "[Flowtower] Alert"
    alert = notice.alerts[0]
    about = f"{alert.rule}: several alerts" if notice.shared else f"{alert.severity.value}: {alert.title}"
    text = f"[Flowtower] {about}"
    text = one_line(text)
    if len(text) > SUBJECT_LIMIT:
        text = text[: SUBJECT_LIMIT - 1] + "…"
    return text if notice.first else f"Re: {text}"


def _content(notice: Notice) -> tuple[list[_Part], list[str]]:
    notes = [DUPLICATE] if notice.possible_duplicate else []
    if notice.transition == "test":
        sentence = f"Test message for the channel {notice.channel}: alerts will look for you here."
        return [_Part(sentence, [], notice.public_url)], notes
    parts = [_part(alert, notice) for alert in notice.alerts]
    if notice.total > len(notice.alerts):
        notes.append(f"and {notice.total - len(notice.alerts)} more")
    return parts, notes


def _part(alert: Alert, notice: Notice) -> _Part:
    return _Part(headline(alert), story(alert, notice.now), notice.link(alert))


def _text(parts: list[_Part], notes: list[str]) -> str:
    lines: list[str] = []
    for part in parts:
        lines += [part.head, ""]
        lines += [f"{label}: {text}" for label, text in part.lines]
        lines += ["", part.url, ""]
    return "\n".join([*lines, *notes]).rstrip() + "\n"


def one_line(text: str) -> str:
    """Return the text without control characters and line breaks: it may stand in a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
