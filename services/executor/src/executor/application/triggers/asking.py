"""From a firing to the command that asks for its run."""

from collections.abc import Sequence
from typing import Any

from executor.application.triggers.ports import Prepared, TriggerRow
from executor.domain.triggers.firing import Firing, NotFired, run_id_of
from shared.contracts.runs import MOST_COMMAND_BYTES, StartRun
from shared.contracts.topics import RUNS_COMMANDS


def prepare(row: TriggerRow, firing: Firing, *, requested_by: str = "") -> Prepared | NotFired:
    """Return the firing with its command; inputs that no command can carry make it a failed one."""
    run_id = run_id_of(row.workflow_id, row.name, firing.firing_id)
    start = StartRun(
        workflow=row.workflow,
        version=row.version,
        inputs=firing.inputs,
        run_id=run_id,
        requested_by=requested_by,
        trigger=row.source,
    )
    try:
        command = RUNS_COMMANDS.encode(start)
    except ValueError:
        return _failed(firing, "The inputs hold a text that is no Unicode, so they can't be written.")
    if len(command) > MOST_COMMAND_BYTES:
        return _failed(firing, f"The inputs make a command of {len(command)} bytes; a start may have {MOST_COMMAND_BYTES}. Map less of it.")
    if b"\\u0000" in command and _holds_nul(firing.inputs):
        return _failed(firing, "The inputs hold the character NUL, which can't be kept. Map something else.")
    return Prepared(firing, run_id, command)


def prepare_all(row: TriggerRow, firings: Sequence[Firing], *, requested_by: str = "") -> tuple[list[Prepared], list[NotFired]]:
    """Prepare many."""
    made = [prepare(row, firing, requested_by=requested_by) for firing in firings]
    return [one for one in made if isinstance(one, Prepared)], [one for one in made if isinstance(one, NotFired)]


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    if isinstance(value, list):
        return any(_holds_nul(item) for item in value)
    return isinstance(value, str) and "\0" in value


def _failed(firing: Firing, reason: str) -> NotFired:
    return NotFired("failed", firing.firing_id, reason, planned_at=firing.planned_at)
