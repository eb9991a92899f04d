"""Reads of clusters and of the commands to them."""

from typing import Any

from gateway.adapters.read_model.rows import Row, Rows
from gateway.application.answers.clusters import ClusterAnswer, ClusterView, CommandAnswer
from gateway.domain.cluster_health import judge, stale_after
from shared.contracts.clusters import ClusterObserved
from shared.runtime.clock import now

_CLUSTERS = """
SELECT c.id, c.name, c.revision, c.body, c.sealed_secret IS NOT NULL AS has_secret, c.created_at, c.created_by, c.updated_at, c.updated_by,
       s.observed_at, s.last_answer_at, s.observation, s.answered
FROM clusters c LEFT JOIN cluster_states s ON s.cluster_id = c.id
"""
_COMMANDS = """
SELECT k.command_id AS id, k.cluster_id, coalesce(c.name, '') AS cluster, k.action, k.dag_id, k.dag_run_id, k.status, k.reason,
       k.requested_by, k.asked_at, k.sent_at, k.settled_at, k.observed, k.body
FROM cluster_commands k LEFT JOIN clusters c ON c.id = k.cluster_id
"""


class ClusterReads(Rows):
    """What was seen of clusters."""

    async def clusters(self) -> list[ClusterAnswer]:
        return [_cluster(row) for row in await self._all(_CLUSTERS + "ORDER BY c.name")]

    async def cluster(self, cluster_id: str) -> ClusterAnswer | None:
        row = await self._one(_CLUSTERS + "WHERE c.id = :id", id=cluster_id)
        return None if row is None else _cluster(row)

    async def commands(self, *, cluster_id: str | None = None, dag_id: str | None = None, limit: int = 20) -> list[CommandAnswer]:
        query = (
            _COMMANDS
            + """
            WHERE (cast(:cluster AS text) IS NULL OR k.cluster_id = :cluster) AND (cast(:dag AS text) IS NULL OR k.dag_id = :dag)
            ORDER BY k.asked_at DESC LIMIT :limit
            """
        )
        rows = await self._all(query, cluster=cluster_id, dag=dag_id, limit=limit)
        return [CommandAnswer.model_validate(dict(row)) for row in rows]

    async def command(self, command_id: str) -> CommandAnswer | None:
        row = await self._one(_COMMANDS + "WHERE k.command_id = :id", id=command_id)
        return None if row is None else CommandAnswer.model_validate(dict(row))


def _observed(body: dict[str, Any] | None) -> ClusterObserved | None:
    return None if body is None else ClusterObserved.model_validate(body)


def _cluster(row: Row) -> ClusterAnswer:
    at, body = now(), row["body"]
    observation = _observed(row["observation"])
    poll_seconds = float(body.get("poll_seconds", 5.0))
    verdict = judge(observation, at=at, poll_seconds=poll_seconds)
    view = ClusterView(
        health=verdict.health,
        sentence=verdict.sentence,
        stale=verdict.stale,
        stale_at=None if verdict.stale or observation is None else observation.observed_at + stale_after(poll_seconds),
        observed_at=row["observed_at"],
        age_seconds=None if row["observed_at"] is None else max((at - row["observed_at"]).total_seconds(), 0.0),
        last_answer_at=row["last_answer_at"],
        observation=observation,
        answered=_observed(row["answered"]),
    )
    columns = {name: row[name] for name in ("id", "name", "revision", "has_secret", "created_at", "created_by", "updated_at", "updated_by")}
    return ClusterAnswer.model_validate({**{key: value for key, value in body.items() if key != "secrets"}, **columns, "state": view})
