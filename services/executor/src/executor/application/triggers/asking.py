"""From a firing to the command that asks for its run."""

from collections.abc import Sequence

from executor.application.triggers.ports import Prepared, TriggerRow
from executor.domain.triggers.firing import Firing, NotFired, run_id_of
from shared.contracts.runs import MOST_COMMAND_BYTES, StartRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime.plain import MOST_DEPTH, obstacle


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
    found = obstacle(firing.inputs)
    if found == "nul":
        return _failed(firing, "The inputs hold the character NUL, which can't be kept. Map something else.")
    if found == "deep":
        return _failed(firing, f"The inputs are nested more than {MOST_DEPTH} deep. Map a part of it, or the whole as a text.")
    try:
        command = RUNS_COMMANDS.encode(start)
    except ValueError as error:
        what = "hold a text that is no Unicode, so they can't be written" if "surrogates" in str(error) else f"can't be written: {error}"
        return _failed(firing, f"The inputs {what[:300]}. Map something else.")
    if len(command) > MOST_COMMAND_BYTES:
        return _failed(firing, f"The inputs make a command of {len(command)} bytes; a start may have {MOST_COMMAND_BYTES}. Map less of it.")
    return Prepared(firing, run_id, command)


def prepare_all(row: TriggerRow, firings: Sequence[Firing], *, requested_by: str = "") -> tuple[list[Prepared], list[NotFired]]:
    """Prepare many."""
    made = [prepare(row, firing, requested_by=requested_by) for firing in firings]
    return [one for one in made if isinstance(one, Prepared)], [one for one in made if isinstance(one, NotFired)]


def _failed(firing: Firing, reason: str) -> NotFired:
    return NotFired("failed", firing.firing_id, reason, planned_at=firing.planned_at)
