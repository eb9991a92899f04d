"""What an entry's events mean for the tables beside the journal: planned attempts, the run's time limit, its status and version."""

from collections.abc import Sequence
from datetime import datetime

from executor.application.entries import RUN_LIMIT, Entry
from executor.domain.events import Event
from executor.domain.journal import State


def plan_ahead(entry: Entry, events: Sequence[Event], state: State) -> None:
    """Fill in what changes together with the events; ``state`` has them folded in. Within one entry the later word counts."""
    stopped = False
    for event in events:
        kind = event["event"]
        if kind == "attempt.started":
            if event["attempt"] > 1:
                _over(entry, event["component"])
        elif kind == "component.finished":
            if event["status"] == "cancelled":
                stopped = True
                _over(entry, event["component"])
        elif kind == "attempt.failed":
            # While a run is paused nothing comes due; what waits is planned again when it goes on.
            if "next_attempt_at" in event and not state.paused:
                entry.waits = [*entry.waits, (event["component"], datetime.fromisoformat(event["next_attempt_at"]))]
        elif kind == "run.finished":
            entry.status = event["status"]
        else:
            _of_the_run(entry, event, state)
    if state.deadline_at is not None and (state.finished or stopped):
        # It has ended, or is being undone: its time limit means nothing any more.
        _over(entry, RUN_LIMIT)


def _of_the_run(entry: Entry, event: Event, state: State) -> None:
    kind = event["event"]
    _standing(entry, event, state)
    if kind == "run.paused":
        entry.woken = [*entry.woken, *(name for name, part in state.components.items() if part.status == "retrying")]
    elif kind == "run.resumed":
        planned = [(name, part.due) for name, part in state.components.items() if part.status == "retrying" and part.due is not None]
        entry.waits = [*entry.waits, *((name, datetime.fromisoformat(due)) for name, due in planned)]
    if kind in {"run.started", "run.reopened"}:
        if event.get("deadline_at") is not None:
            entry.waits = [*entry.waits, (RUN_LIMIT, datetime.fromisoformat(event["deadline_at"]))]
        elif kind == "run.reopened":
            _over(entry, RUN_LIMIT)


def _standing(entry: Entry, event: Event, state: State) -> None:
    kind = event["event"]
    if kind == "run.reopened":
        entry.version = event.get("version")
    if event.get("queued"):
        entry.status, entry.waits_for_turn = "queued", state.priority
    elif kind in {"run.reopened", "run.released"}:
        entry.status = "running"
    elif kind == "command.refused" and state.finished:
        entry.status = state.status


def _over(entry: Entry, name: str) -> None:
    entry.waits = [wait for wait in entry.waits if wait[0] != name]
    entry.woken = [*entry.woken, name]
