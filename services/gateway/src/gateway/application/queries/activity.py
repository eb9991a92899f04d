"""How busy each cluster was in the last hours."""

from datetime import datetime, timedelta

from gateway.application.ports.read_model import ReadModel

HOURS = 12


async def finished_per_hour(reads: ReadModel, at: datetime) -> dict[str, tuple[float | None, ...]]:
    """Return the finished DAG runs of each of the last hours by cluster; a cluster of which none is known is not in it."""
    since = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    found: dict[str, dict[datetime, int]] = {}
    for cluster_id, slot, runs in await reads.activity(since, 60):
        found.setdefault(cluster_id, {})[slot] = runs
    starts = [since + timedelta(hours=place) for place in range(HOURS)]
    return {cluster_id: tuple(float(slots.get(start, 0)) for start in starts) for cluster_id, slots in found.items()}
