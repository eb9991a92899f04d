"""What a channel is given to tell: the alerts of one live message, as they are at this moment."""

from dataclasses import dataclass
from datetime import datetime

from alerter.domain.alert import Alert
from alerter.domain.notification import Transition
from shared.contracts.alerts import AlertState, Severity

STATE_WORDS = {
    AlertState.PENDING: "Pending",
    AlertState.FIRING: "Firing",
    AlertState.OK: "Resolved",
    AlertState.NO_DATA: "No data",
    AlertState.UNKNOWN: "Unknown",
}


@dataclass(frozen=True)
class Notice:
    notification_id: str
    message_id: str
    """Names the thread: the same for everything that is told about one incident in one channel."""
    transition: Transition
    alerts: tuple[Alert, ...]
    """Those that are shown, open ones first; empty for a test."""
    total: int
    """How many alerts the message stands for, shown or not."""
    shared: bool
    channel: str
    public_url: str
    now: datetime
    possible_duplicate: bool = False

    @property
    def first(self) -> bool:
        """Whether people have not been told anything in this thread yet."""
        return self.transition in {"fired", "test"}

    @property
    def open_alerts(self) -> int:
        return sum(1 for alert in self.alerts if alert.open)

    def link(self, alert: Alert) -> str:
        """Return the address of the page that shows the thing, or of the alerts."""
        return self.public_url.rstrip("/") + (alert.url or "/alerts/")


def span(seconds: float) -> str:
    """Return a length of time in the two largest units that matter, e.g. ``2 min 5 s``."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count or len(parts) == 1) or "0 s"


def headline(alert: Alert, severity: Severity | None = None) -> str:
    """Return the first words about an alert: what it is now."""
    word = STATE_WORDS[alert.state]
    return f"{word}: {alert.title}" if severity is None else f"{word} ({severity.value}): {alert.title}"


def story(alert: Alert, now: datetime) -> list[tuple[str, str]]:
    """Return the lines of an alert as (label, text), in the order in which people ask."""
    began = alert.fired_at or alert.opened_at
    lines = [("Where", alert.where), ("Severity", alert.severity.value), ("Rule", alert.rule)]
    if alert.resolved_at is not None:
        lines.append(("Fired", _moment(began)))
        lines.append(("Resolved", f"{_moment(alert.resolved_at)}, after {span((alert.resolved_at - began).total_seconds())}"))
    else:
        lines.append(("Since", f"{_moment(began)} ({span((now - began).total_seconds())})"))
    if alert.occurrences > 1:
        lines.append(("Times", str(alert.occurrences)))
    if alert.acknowledged_by:
        lines.append(("Taken by", alert.acknowledged_by))
    if alert.evidence:
        lines.append(("Evidence", alert.evidence))
    return [(label, text) for label, text in lines if text]


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
