"""A command as it came, and what its envelope says: which run it starts, and which trace that belongs to."""

import re
import uuid
from dataclasses import dataclass

from executor.application.engine import span_id
from executor.domain.run import Trace
from shared.contracts.runs import CancelRun, PauseRun, ResumeRun, RetryNow, RetryRun, StartRun

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

Command = StartRun | CancelRun | PauseRun | ResumeRun | RetryRun | RetryNow


@dataclass(slots=True)
class Asked:
    """A command as it came."""

    command: Command
    event_id: str
    position: str
    external: bool
    traceparent: str | None
    size: int = 0  # of the message, in bytes
    given_id: str = ""  # the event's own id, where ``event_id`` holds its source too


def run_ids_of(asked: Asked) -> tuple[str, ...]:
    """Return the ids that a start's run may have, the first that is free: as asked, else as its event is named.

    An event id that is no id, or that an event of another source has taken already, makes one, the same at each delivery.
    """
    command = asked.command
    assert isinstance(command, StartRun)  # noqa: S101 - it was picked so
    if command.run_id:
        return (command.run_id,)
    made = uuid.uuid5(uuid.NAMESPACE_URL, asked.event_id).hex
    given = asked.given_id or asked.event_id
    if not _ID.fullmatch(given):
        return (made,)
    return (given, made) if asked.given_id else (given,)


def trace_of(traceparent: str | None) -> Trace:
    """Return the trace that a run belongs to: that of its command, or a new one."""
    if not traceparent:
        return Trace(span_id() + span_id(), span_id())
    parts = traceparent.split("-")
    if len(parts) >= 4 and len(parts[1]) == 32 and len(parts[2]) == 16 and _hex(parts[1]) and _hex(parts[2]):
        return Trace(parts[1], span_id(), parts[2])
    return Trace(span_id() + span_id(), span_id())


def _hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text) and set(text) != {"0"}
