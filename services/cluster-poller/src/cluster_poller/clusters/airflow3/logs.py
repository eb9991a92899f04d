"""Task logs of Airflow 3: structured events, told as lines."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cluster_poller.domain.log_text import bounded
from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.internal import LogLine

_KNOWN = frozenset(
    {"timestamp", "event", "level", "logger", "error_detail", "ti_id", "sources", "chan", "filename", "lineno", "func", "loc"}
)
_LONGEST = 20_000


def read_events(content: Any) -> tuple[LogLine, ...]:
    """Turn a list of events into lines; an exception becomes the traceback that Python would print."""
    if isinstance(content, str):
        return bounded([LogLine(text=line[:_LONGEST]) for line in content.splitlines()])
    if not isinstance(content, list):
        raise ClusterTrouble("bad_answer", "Airflow answered a log that is not a list of events.")
    lines: list[LogLine] = []
    for event in content:
        if not isinstance(event, Mapping):
            lines.append(LogLine(text=str(event)[:_LONGEST]))
            continue
        at, level = _moment(event.get("timestamp")), str(event.get("level") or "")[:20]
        more = "".join(f" {name}={_value(value)}" for name, value in event.items() if name not in _KNOWN)
        lines += [LogLine(at=at, level=level, text=part[:_LONGEST]) for part in (str(event.get("event", "")) + more).split("\n")]
        lines += [LogLine(at=at, level=level or "error", text=part[:_LONGEST]) for part in _traceback(event.get("error_detail"))]
        for source in event.get("sources") or ():
            lines.append(LogLine(at=at, level=level, text=str(source)[:_LONGEST]))
    return bounded(lines)


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _traceback(detail: Any) -> list[str]:
    if not isinstance(detail, list):
        return []
    lines: list[str] = []
    for error in detail:
        if not isinstance(error, Mapping):
            continue
        lines.append("Traceback (most recent call last):")
        lines += [
            f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
            for frame in error.get("frames") or ()
            if isinstance(frame, Mapping)
        ]
        lines.append(f"{error.get('exc_type', 'Exception')}: {error.get('exc_value', '')}")
    return lines
