"""The executor's own metrics, counted from what has been written."""

from typing import get_args

from prometheus_client import Counter, Gauge

from executor.application.admission import Admission
from executor.application.engine import Active, Engine
from executor.application.triggers.ports import EVENT
from executor.application.writer import JournalWriter
from executor.domain.events import Event
from shared.contracts.triggers import FiringResult, TriggerKind

_STARTED = Counter("flowtower_runs_started_total", "Runs that were begun.")
_ENDED = Counter("flowtower_runs_ended_total", "Runs that have ended, by how.", ["status"])
_ATTEMPTS_FAILED = Counter("flowtower_attempts_failed_total", "Attempts that failed, by code.", ["code"])
_FIRINGS = Counter(
    "flowtower_trigger_firings_total",
    "Firings of triggers, by the trigger's kind; result: started, or why not.",
    ["kind", "result"],
)
_ACTIVE = Gauge("flowtower_runs_active", "Runs in this executor's memory.")
_COMMITS = Gauge("flowtower_journal_commits", "Commits of the journal since this process started.")
_ENTRIES = Gauge("flowtower_journal_entries", "Entries written by those commits.")
_BACKLOG = Gauge("flowtower_journal_backlog_entries", "Entries that wait for the next commit.")
_HELD = Gauge("flowtower_attempts_held", "Attempts of this executor that wait at their endpoint's gate.")
_BREAKER = Gauge("flowtower_endpoint_breaker_open", "1 = open, 0.5 = one attempt tries, 0 = closed; as asked last.", ["endpoint"])
_OPENNESS = {"closed": 0.0, "trying": 0.5, "open": 1.0}


for _kind in get_args(TriggerKind):
    for _result in get_args(FiringResult):
        _FIRINGS.labels(_kind, _result)


def count_firings(kind: TriggerKind, result: FiringResult, count: int = 1) -> None:
    """Count firings that stand in the database, as many as one that is told stands for."""
    _FIRINGS.labels(kind, result).inc(count)


class Figures:
    """Told by the engine of what has been written, and by admission of breakers; begins to count when it is made."""

    def __init__(self, engine: Engine, writer: JournalWriter, admission: Admission) -> None:
        _HELD.set_function(lambda: admission.held)
        admission.watch(lambda endpoint, state: _BREAKER.labels(endpoint).set(_OPENNESS[state]))
        _ACTIVE.set_function(lambda: len(engine.active))
        _COMMITS.set_function(lambda: writer.commits)
        _ENTRIES.set_function(lambda: writer.entries)
        _BACKLOG.set_function(lambda: writer.backlog)
        self._ended = {status: _ENDED.labels(status) for status in ("succeeded", "failed", "cancelled")}

        engine.watch(self._started, "run.started")
        engine.watch(self._finished, "run.finished")
        engine.watch(self._failed, "attempt.failed")

    def _started(self, _active: Active, event: Event) -> None:
        _STARTED.inc()
        if event.get("trigger") == EVENT:
            # A start from outside is written as a run and told as no firing: the run is it.
            count_firings("event", "started")

    def _finished(self, _active: Active, event: Event) -> None:
        self._ended[event["status"]].inc()

    def _failed(self, _active: Active, event: Event) -> None:
        _ATTEMPTS_FAILED.labels(event["failure"]["code"]).inc()
