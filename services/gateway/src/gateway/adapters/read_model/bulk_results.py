"""What run events mean for bulk retries: each asked run is reopened or refused, and a reopened one ends again."""

from collections.abc import Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Integer, Text

from gateway.application.commands.bulk import MARK
from shared.contracts.runs import CommandRefused, RunEvent, RunFinished, RunReopened

# The asked seq tells the answer to this job's command from what happened before; the name tells it from somebody else's retry.
# A refusal by an executor that has forgotten the run has no number of the run's: a job asks a run once, so its name is enough.
_SETTLE = text(
    """
    UPDATE bulk_retry_items AS item
    SET status = new.status, reason = new.reason, settled_at = clock_timestamp(), seq = new.seq
    FROM unnest(:runs, :seqs, :statuses, :reasons, :askers) AS new (run_id, seq, status, reason, asker)
    WHERE item.run_id = new.run_id AND (item.seq < new.seq OR new.status = 'refused')
      AND item.status IN ('waiting', 'asked', 'reopened')
      AND CASE WHEN new.status IN ('reopened', 'refused') THEN item.status = 'asked' AND new.asker = item.bulk_id
          ELSE item.status = 'reopened' END
    RETURNING item.bulk_id
    """
).bindparams(
    bindparam("runs", type_=ARRAY(Text)),
    bindparam("seqs", type_=ARRAY(Integer)),
    bindparam("statuses", type_=ARRAY(Text)),
    bindparam("reasons", type_=ARRAY(Text)),
    bindparam("askers", type_=ARRAY(Text)),
)
_ENDS = {"succeeded": "succeeded", "failed": "failed_again", "cancelled": "cancelled"}


async def settle_bulk_items(session: AsyncSession, events: Sequence[RunEvent]) -> list[tuple[str, str]]:
    """Note results, in the order of the events; return the live changes of the jobs that they belong to."""
    waves: list[list[tuple[str, int, str, str, str]]] = [[], []]
    for event in events:
        if isinstance(event, RunReopened):
            waves[0].append((event.run_id, event.seq, "reopened", "", event.requested_by.rpartition(MARK)[2]))
        elif isinstance(event, CommandRefused) and event.command == "retry":
            waves[0].append((event.run_id, event.seq, "refused", event.reason, event.requested_by.rpartition(MARK)[2]))
        elif isinstance(event, RunFinished):
            waves[1].append((event.run_id, event.seq, _ENDS[event.status], event.message, ""))
    changed: list[str] = []
    for wave in waves:
        if wave:
            runs, seqs, statuses, reasons, askers = (list(column) for column in zip(*wave, strict=True))
            given = {"runs": runs, "seqs": seqs, "statuses": statuses, "reasons": reasons, "askers": askers}
            changed += (await session.execute(_SETTLE, given)).scalars()
    return [("bulk", bulk_id) for bulk_id in dict.fromkeys(changed)]
