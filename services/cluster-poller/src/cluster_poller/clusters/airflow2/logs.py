"""Task logs of Airflow 2: text inside the Python representation of a list of (host, text) pairs."""

import ast
import base64
import binascii
import json
import re
from datetime import datetime

from cluster_poller.domain.log_text import bounded
from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.internal import LogLine

_HEAD = re.compile(r"^\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.,]\d{3}[+-]\d{4})\] (\{[^}]{1,200}\}) (DEBUG|INFO|WARNING|ERROR|CRITICAL) - ")


def read_content(content: str) -> tuple[LogLine, ...]:
    """Turn ``"[('host', 'text'), …]"`` into lines. Only Python literals are read, nothing is evaluated."""
    try:
        pairs = ast.literal_eval(content)
        texts = [(str(host), str(body)) for host, body in pairs]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ClusterTrouble("bad_answer", "Airflow answered a log that is not in its own form (a list of host and text).") from None
    lines: list[LogLine] = []
    for host, body in texts:
        if len(texts) > 1 and body:
            lines.append(LogLine(text=f"*** {host}"))
        lines += [_line(raw) for raw in body.strip("\n").split("\n")] if body.strip("\n") else []
    return bounded(lines)


def _line(raw: str) -> LogLine:
    found = _HEAD.match(raw)
    if found is None:
        return LogLine(text=raw[:20_000])
    at = datetime.fromisoformat(found[1].replace(",", "."))
    return LogLine(at=at, level=found[3].lower(), text=f"{found[2]} {raw[found.end() :]}"[:20_000])


def has_ended(token: str | None) -> bool:
    """Read ``end_of_log`` out of a continuation token: signed base64 JSON, whose first part can be read by anyone."""
    if not token:
        return True
    head = token.split(".", 1)[0]
    try:
        value = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(value, dict) and bool(value.get("end_of_log"))
