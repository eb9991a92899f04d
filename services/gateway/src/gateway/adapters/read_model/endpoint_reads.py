"""What runs tell of the endpoints that they use."""

from collections.abc import Sequence

from gateway.adapters.read_model.rows import Rows
from gateway.application.answers.endpoints import EndpointHold, EndpointUse

NEWEST = 50
"""Runs of each workflow that are looked at for the last use of an endpoint."""

# Grouped before the versions are opened: ten thousand attempts that wait are a few rows by then.
_HELD = """
    WITH held AS (
        SELECT run.workflow_id, run.version, part.component, part.held ->> 'limit' AS which,
            count(*) AS attempts, min(part.held ->> 'at') AS since, max(part.held ->> 'until') AS until
        FROM run_components AS part JOIN runs AS run USING (run_id)
        WHERE part.held IS NOT NULL AND part.status = 'running' GROUP BY 1, 2, 3, 4
    )
    SELECT item ->> 'endpoint' AS endpoint, held.which AS limit,
        sum(held.attempts)::int AS attempts, min(held.since) AS since, max(held.until) AS until
    FROM held JOIN workflow_versions USING (workflow_id, version), jsonb_array_elements(definition -> 'components') AS item
    WHERE item ->> 'name' = held.component AND item ->> 'endpoint' IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2
"""
_USED = """
    SELECT DISTINCT ON (use.endpoint) use.endpoint, run.workflow, part.component, part.status,
        part.failure ->> 'message' AS failure, coalesce(part.finished_at, run.updated_at) AS at
    FROM unnest(cast(:endpoints AS text[]), cast(:workflows AS text[]), cast(:components AS text[]))
        AS use (endpoint, workflow_id, component)
    CROSS JOIN LATERAL (
        SELECT run_id, workflow, asked_at, updated_at FROM runs
        WHERE runs.workflow_id = use.workflow_id ORDER BY asked_at DESC, run_id DESC LIMIT :newest
    ) AS run
    JOIN run_components AS part ON part.run_id = run.run_id AND part.component = use.component
    WHERE part.status IN ('succeeded', 'failed', 'running', 'retrying', 'parked')
    ORDER BY use.endpoint, run.asked_at DESC
"""


class EndpointReads(Rows):
    """Waits at limits, and last uses."""

    async def holds(self) -> dict[str, tuple[EndpointHold, ...]]:
        """Return what waits now, by the endpoint's name: attempts that are held by one of its limits."""
        found: dict[str, list[EndpointHold]] = {}
        for row in await self._all(_HELD):
            found.setdefault(row["endpoint"], []).append(EndpointHold.model_validate(dict(row)))
        return {name: tuple(items) for name, items in found.items()}

    async def last_uses(self, named: Sequence[tuple[str, str, str]]) -> dict[str, EndpointUse]:
        """Return the last use of each endpoint by the components (endpoint, workflow id, component) that name it.

        The newest ``NEWEST`` runs of each workflow are looked at.
        """
        endpoints, workflows, components = (list(column) for column in zip(*named, strict=True)) if named else ([], [], [])
        rows = await self._all(_USED, endpoints=endpoints, workflows=workflows, components=components, newest=NEWEST)
        return {row["endpoint"]: EndpointUse.model_validate({name: row[name] for name in row if name != "endpoint"}) for row in rows}
