"""Reads of workflow runs."""

from datetime import datetime

from gateway.adapters.read_model.rows import Row, cursor_of, keys_of, like
from gateway.adapters.read_model.run_lists import RunLists
from gateway.application.answers.base import Page
from gateway.application.answers.runs import (
    AttemptAnswer,
    ComponentAnswer,
    GraphEdge,
    GraphNode,
    RunAnswer,
    RunDetail,
    RunEventAnswer,
)
from gateway.application.ports.read_model import RunFilter


class RunReads(RunLists):
    """What happened to runs."""

    async def runs(self, wanted: RunFilter, *, after: str | None, limit: int) -> Page[RunAnswer]:
        keys = keys_of(after, datetime, str) if after else None
        ids = await self._page(wanted, (keys[0], keys[1]) if keys else None, limit + 1)
        shown = await self._runs(ids[:limit])
        components = await self._components([row["id"] for row in shown])
        items = tuple(RunAnswer.model_validate({**row, "components": components.get(row["id"], ())}) for row in shown)
        return Page(items=items, next=cursor_of(items[-1].asked_at, items[-1].id) if len(ids) > limit and items else None)

    async def run_ids(self, wanted: RunFilter, *, limit: int) -> list[str]:
        return await self._page(wanted, None, limit)

    async def run(self, run_id: str) -> RunDetail | None:
        found = await self._runs([run_id])
        if not found:
            return None
        row = found[0]
        components = await self._components([run_id])
        attempts = await self._all(
            "SELECT * FROM run_attempts WHERE run_id = :id ORDER BY generation, attempt, started_at NULLS LAST, component", id=run_id
        )
        nodes, edges = await self._graph(row)
        order = {node.name: place for place, node in enumerate(nodes)}
        shown = sorted(components.get(run_id, ()), key=lambda item: order.get(item.component, len(order)))
        return RunDetail.model_validate(
            {
                **row,
                "components": tuple(shown),
                "attempts": tuple(AttemptAnswer.model_validate(dict(attempt)) for attempt in attempts),
                "nodes": nodes,
                "edges": edges,
            }
        )

    async def _graph(self, row: Row) -> tuple[tuple[GraphNode, ...], tuple[GraphEdge, ...]]:
        version = await self._one(
            "SELECT definition FROM workflow_versions WHERE workflow_id = :id AND version = :version",
            id=row["workflow_id"],
            version=row["version"] or 0,
        )
        if version is None:
            return (), ()
        definition = version["definition"]
        nodes = tuple(
            GraphNode(
                name=item["name"],
                kind=item["kind"],
                endpoint=item.get("endpoint"),
                join=item.get("join") or "all",
                compensates=item.get("compensates"),
            )
            for item in definition["components"]
        )
        return nodes, tuple(GraphEdge.model_validate(item) for item in definition.get("connections", ()))

    async def run_events(self, run_id: str, *, after: int, limit: int, component: str = "", words: str = "") -> list[RunEventAnswer]:
        rows = await self._all(
            """
            SELECT seq, event, at, body FROM run_events
            WHERE run_id = :id AND seq > :after AND (:component = '' OR body ->> 'component' = :component)
              AND (:words = '' OR cast(body AS text) ILIKE :pattern)
            ORDER BY seq LIMIT :limit
            """,
            id=run_id,
            after=after,
            limit=limit,
            component=component,
            words=words,
            pattern=like(words),
        )
        return [RunEventAnswer.model_validate(dict(row)) for row in rows]

    async def _components(self, run_ids: list[str]) -> dict[str, tuple[ComponentAnswer, ...]]:
        if not run_ids:
            return {}
        rows = await self._all(
            "SELECT * FROM run_components WHERE run_id = ANY(cast(:ids AS text[])) ORDER BY started_at NULLS LAST, component", ids=run_ids
        )
        found: dict[str, list[ComponentAnswer]] = {}
        for row in rows:
            found.setdefault(row["run_id"], []).append(ComponentAnswer.model_validate(dict(row)))
        return {run_id: tuple(items) for run_id, items in found.items()}
