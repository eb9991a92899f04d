"""Two readings of a cluster → what is worth telling."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cluster_poller.domain.snapshot import KnownRun, RunKey, digest, run_key
from shared.contracts.dags import DagRunSeen, DagRunsObserved, DagSeen, DagsObserved

DAGS_PER_MESSAGE = 100
RUNS_PER_MESSAGE = 200
MESSAGE_BYTES = 700_000
"""Bound of one message's text, below the 1 MiB that a topic takes."""


Seen = TypeVar("Seen", DagSeen, DagRunSeen)


@dataclass(frozen=True, slots=True)
class RunChanges:
    """``news`` are the runs that differ from what was told; ``known`` is what is known afterwards."""

    news: tuple[DagRunSeen, ...]
    known: Mapping[RunKey, KnownRun]


def diff_runs(known: Mapping[RunKey, KnownRun], seen: Iterable[DagRunSeen]) -> RunChanges:
    """Compare runs with what was told before. A reading without task counts keeps the counts that are known."""
    after = dict(known)
    news: list[DagRunSeen] = []
    for raw in seen:
        key = run_key(raw)
        before = after.get(key)
        run = raw
        if raw.task_counts is None and before is not None and before.counts is not None:
            run = raw.model_copy(update={"task_counts": dict(before.counts)})
        mark = digest(run)
        if before is not None and before.digest == mark:
            continue
        after[key] = KnownRun(digest=mark, state=run.state, sort_at=run.sort_at, counts=run.task_counts)
        news.append(run)
    return RunChanges(news=tuple(news), known=after)


def dags_digest(dags: Iterable[DagSeen]) -> str:
    """Name a whole list of DAGs, whatever order it came in."""
    whole = hashlib.blake2b(digest_size=12)
    for mark in sorted(digest(dag) for dag in dags):
        whole.update(mark.encode())
    return whole.hexdigest()


def tell_dags(cluster_id: str, dags: tuple[DagSeen, ...], *, sweep: str, at: datetime) -> list[DagsObserved]:
    """Put a full list of DAGs into messages. An empty cluster is told too: it has one empty part."""
    groups = _groups(dags, DAGS_PER_MESSAGE) or [()]
    return [
        DagsObserved(cluster_id=cluster_id, observed_at=at, sweep=sweep, part=part, parts=len(groups), dags=group)
        for part, group in enumerate(groups)
    ]


def tell_runs(
    cluster_id: str,
    news: tuple[DagRunSeen, ...],
    removed: tuple[RunKey, ...],
    *,
    at: datetime,
    first_sight: bool,
) -> list[DagRunsObserved]:
    """Put changed and removed runs into messages; nothing new makes no message."""
    messages = [
        DagRunsObserved(cluster_id=cluster_id, observed_at=at, first_sight=first_sight, runs=group)
        for group in _groups(news, RUNS_PER_MESSAGE)
    ]
    messages += [
        DagRunsObserved(cluster_id=cluster_id, observed_at=at, runs=(), removed=removed[start : start + RUNS_PER_MESSAGE])
        for start in range(0, len(removed), RUNS_PER_MESSAGE)
    ]
    return messages


def _groups(items: tuple[Seen, ...], most: int) -> list[tuple[Seen, ...]]:
    """Cut ``items`` into groups of at most ``most`` items and ``MESSAGE_BYTES`` bytes of JSON."""
    groups: list[tuple[Seen, ...]] = []
    group: list[Seen] = []
    size = 0
    for item in items:
        length = len(item.model_dump_json().encode())
        if group and (len(group) >= most or size + length > MESSAGE_BYTES):
            groups.append(tuple(group))
            group, size = [], 0
        group.append(item)
        size += length
    if group:
        groups.append(tuple(group))
    return groups
