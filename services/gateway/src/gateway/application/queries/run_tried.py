"""All attempts of a run as a table."""

from gateway.application.answers.runs import AttemptAnswer, RunDetail
from gateway.application.queries.words import between, count, took
from gateway.application.views.parts import state_view
from gateway.application.views.runs import TriedRow
from shared.runtime.clock import now

_DECISIONS = {"retry": "tried again", "park": "parked for a person", "fail": "given up"}


def tried_of(run: RunDetail) -> tuple[TriedRow, ...]:
    """Return a row for each attempt, newest first."""
    ordered = sorted(run.attempts, key=lambda one: one.started_at or one.finished_at or run.asked_at, reverse=True)
    return tuple(_row(one) for one in ordered)


def _row(one: AttemptAnswer) -> TriedRow:
    failure, moved = one.failure, one.transfer.confirmed if one.transfer else 0
    message = failure.message if failure else f"{count(moved)} confirmed" if moved else ""
    holds = tuple(f"{hold.reason} ({took(between(hold.at, hold.until) or 0.0)})" if hold.until else hold.reason for hold in one.holds)
    return TriedRow(
        key=f"{one.component}:{one.generation}:{one.attempt}",
        component=one.component,
        url=f"?component={one.component}",
        number=one.attempt,
        generation=one.generation,
        state=state_view(one.status),
        at=one.started_at,
        took_seconds=between(one.started_at, one.finished_at or (now() if one.status == "running" else None)),
        code=failure.code if failure else "",
        message=message,
        answer=failure.answer if failure else "",
        decision=_DECISIONS.get(one.decision or "", ""),
        why=one.why,
        holds=holds,
        host=one.host,
    )
