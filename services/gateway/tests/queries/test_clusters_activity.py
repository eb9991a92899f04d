# ruff: noqa: ARG002 - a stand-in has the shape of what it stands for
"""The list of clusters shows how busy each was."""

from datetime import datetime, timedelta
from typing import Any

from gateway.application.answers.clusters import ClusterAnswer, ClusterView
from gateway.application.queries.clusters import ClusterQueries
from shared.runtime.clock import now


class Reads:
    """Two clusters, one of which finished runs in this hour and in the one before."""

    async def clusters(self) -> list[ClusterAnswer]:
        at, state = now(), ClusterView(health="unknown", sentence="It was not observed yet.", stale=True)
        of: dict[str, Any] = {"revision": 1, "base_url": "https://a.example.com", "created_at": at, "updated_at": at}
        of |= {"created_by": "ada", "updated_by": "ada", "sign_in": "none", "state": state}
        return [ClusterAnswer(id=name, name=name, **of) for name in ("busy", "idle")]

    async def failed_by_cluster(self) -> dict[str, int]:
        return {}

    async def activity(self, since: datetime, slot_minutes: int) -> list[tuple[str, datetime, int]]:
        return [("busy", since + timedelta(hours=11), 3), ("busy", since + timedelta(hours=10), 1)]


async def test_each_cluster_has_its_finished_runs() -> None:
    reads: Any = Reads()
    person: Any = None
    page = await ClusterQueries(reads, person, person).clusters(person, {})
    assert {row.tile.name: row.tile.activity for row in page.rows} == {"busy": (0.0,) * 10 + (1.0, 3.0), "idle": ()}
