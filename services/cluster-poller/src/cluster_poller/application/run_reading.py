"""Reading the runs of a cluster: what changed, how their tasks stand, and which are no longer there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cluster_poller.application.ports import ClusterApi, RunsReading
from cluster_poller.domain.diff import diff_runs
from cluster_poller.domain.snapshot import KnownRun, RunKey, Snapshot, prune, run_key
from shared.contracts.dags import DagRunSeen

OVERLAP = timedelta(seconds=5)
"""The watermark goes back by this: hosts of a cluster differ a little, and a row is visible only when its transaction commits."""
OVERLAP_WITHOUT_DATE = timedelta(seconds=120)
"""When the server does not say what time it is, our clock stands in for its clock."""

FIRST_PAGES = 3
"""Pages of newest runs that are read when a cluster is seen for the first time."""
RECONCILE_PAGES = 10
CHECKED_ONE_BY_ONE = 20
COUNTED_PER_POLL = 50
HELD = 400


@dataclass(frozen=True, slots=True)
class RunNews:
    """What reading the runs led to."""

    news: tuple[DagRunSeen, ...] = ()
    removed: tuple[RunKey, ...] = ()
    runs: Mapping[RunKey, KnownRun] = field(default_factory=dict)
    held: Mapping[RunKey, DagRunSeen] = field(default_factory=dict)
    watermark: datetime | None = None
    offset: int = 0
    changed: Mapping[RunKey, KnownRun] = field(default_factory=dict)
    """What must be written of ``runs``."""
    forgotten: frozenset[RunKey] = frozenset()
    """What must be deleted of the runs that were known: removed in Airflow, or too old to be kept."""


async def read_runs(api: ClusterApi, before: Snapshot, *, dated: bool, active: bool, reconcile: bool) -> RunNews:
    """Read what changed since the watermark; with ``active`` and ``reconcile`` also look for runs that no longer are."""
    seen: dict[RunKey, DagRunSeen] = {}
    removed: set[RunKey] = set()
    since = before.watermark
    if not before.first_read_done or since is None:
        reading = await api.newest_runs(pages=FIRST_PAGES)
        _take(seen, reading)
        _take(seen, await api.active_runs())
        watermark, offset = _back(reading.cluster_now, dated=dated), 0
    else:
        reading = await api.changed_runs(since, offset=before.offset)
        _take(seen, reading)
        watermark, offset = (_back(reading.cluster_now, dated=dated), 0) if reading.complete else (since, reading.next_offset)
        suspects: list[RunKey] = []
        if active:
            listed = await api.active_runs()
            _take(seen, listed)
            if listed.complete:
                suspects += [key for key in before.active_runs() if key not in seen]
        if reconcile:
            listed = await api.newest_runs(pages=RECONCILE_PAGES)
            _take(seen, listed)
            suspects += [key for key in before.runs if key not in seen and key not in suspects]
        removed = await _check(api, suspects[:CHECKED_ONE_BY_ONE], seen)
    held = {key: run for key, run in before.held.items() if key not in removed} | seen
    counts = await _count(api, before, held, seen, since)
    for key, states in counts.items():
        seen[key] = held[key] = held[key].model_copy(update={"task_counts": dict(states)})
    known = {key: run for key, run in before.runs.items() if key not in removed}
    changes = diff_runs(known, seen.values())
    runs = prune(changes.known)
    return RunNews(
        news=changes.news,
        removed=tuple(sorted(removed)),
        runs=runs,
        held=_hold(held, runs),
        watermark=watermark,
        offset=offset,
        changed={key: runs[key] for key in map(run_key, changes.news) if key in runs},
        forgotten=frozenset(key for key in before.runs if key not in runs),
    )


def _take(seen: dict[RunKey, DagRunSeen], reading: RunsReading) -> None:
    """Add runs; a later reading of the same run wins."""
    for run in reading.runs:
        seen[run_key(run)] = run


def _back(now: datetime, *, dated: bool) -> datetime:
    return now - (OVERLAP if dated else OVERLAP_WITHOUT_DATE)


async def _check(api: ClusterApi, suspects: list[RunKey], seen: dict[RunKey, DagRunSeen]) -> set[RunKey]:
    """Ask for runs that no list shows: a changed one is taken up, one that is not there is removed."""
    removed: set[RunKey] = set()
    for key in suspects:
        run = await api.run(*key)
        if run is None:
            removed.add(key)
        else:
            seen[key] = run
    return removed


async def _count(
    api: ClusterApi, before: Snapshot, held: Mapping[RunKey, DagRunSeen], seen: Mapping[RunKey, DagRunSeen], since: datetime | None
) -> Mapping[RunKey, Mapping[str, int]]:
    """Count tasks: first of the runs that changed, then of the active ones, then of those that still wait for it, newest first."""
    active = [key for key, run in held.items() if run.state in {"queued", "running"}]
    moved = await api.changed_task_runs(since) if active and since is not None else None
    changed = [key for key, run in seen.items() if _differs(before.runs.get(key), run)]
    busy = [key for key in active if moved is None or key in moved or _counts(before, key) is None]
    waiting = sorted((key for key in held if _counts(before, key) is None), key=lambda key: held[key].sort_at, reverse=True)
    wanted = list(dict.fromkeys([*changed, *busy, *waiting]))
    return await api.task_counts(wanted[:COUNTED_PER_POLL])


def _counts(before: Snapshot, key: RunKey) -> Mapping[str, int] | None:
    known = before.runs.get(key)
    return None if known is None else known.counts


def _differs(known: KnownRun | None, run: DagRunSeen) -> bool:
    return known is None or known.state != run.state


def _hold(held: Mapping[RunKey, DagRunSeen], runs: Mapping[RunKey, KnownRun]) -> dict[RunKey, DagRunSeen]:
    """Keep what is active or not counted yet, the newest ``HELD`` of them."""
    kept = [(key, run) for key, run in held.items() if key in runs and (runs[key].active or runs[key].counts is None)]
    kept.sort(key=lambda item: item[1].sort_at, reverse=True)
    return dict(kept[:HELD])
