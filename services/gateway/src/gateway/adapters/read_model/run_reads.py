"""Reads of workflow runs."""

from datetime import datetime

from gateway.adapters.read_model.rows import Row, Rows, cursor_of, keys_of, like
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

_RUN = (
    "run_id AS id, workflow_id, workflow, version, status, inputs, requested_by, trigger, trace_id, span_id, parent_span_id,"
    " asked_at, started_at, finished_at, message, seq, gaps, cancel_asked_at, updated_at"
)


class RunReads(Rows):
    """What happened to runs."""

    async def runs(self, wanted: RunFilter, *, after: str | None, limit: int) -> Page[RunAnswer]:
        at, run_id = keys_of(after, datetime, str) if after else (None, None)
        rows = await self._all(
            f"""
            SELECT {_RUN} FROM runs
            WHERE (:workflow = '' OR workflow = :workflow OR workflow_id = :workflow)
              AND (:status = '' OR status = ANY(string_to_array(:status, ',')))
              AND (:words = '' OR workflow ILIKE :pattern OR run_id ILIKE :pattern)
              AND (cast(:at AS timestamptz) IS NULL OR (asked_at, run_id) < (:at, :run))
            ORDER BY asked_at DESC, run_id DESC LIMIT :limit
            """,  # noqa: S608 - constants of this module; values are bound
            workflow=wanted.workflow,
            status=wanted.status,
            words=wanted.words,
            pattern=like(wanted.words),
            at=at,
            run=run_id,
            limit=limit + 1,
        )
        shown = rows[:limit]
        components = await self._components([row["id"] for row in shown])
        items = tuple(RunAnswer.model_validate({**row, "components": components.get(row["id"], ())}) for row in shown)
        return Page(items=items, next=cursor_of(items[-1].asked_at, items[-1].id) if len(rows) > limit else None)

    async def run(self, run_id: str) -> RunDetail | None:
        row = await self._one(f"SELECT {_RUN} FROM runs WHERE run_id = :id", id=run_id)  # noqa: S608
        if row is None:
            return None
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
        nodes = tuple(GraphNode(name=item["name"], kind=item["kind"], endpoint=item.get("endpoint")) for item in definition["components"])
        return nodes, tuple(GraphEdge.model_validate(item) for item in definition.get("connections", ()))

    async def run_events(self, run_id: str, *, after: int, limit: int) -> list[RunEventAnswer]:
        rows = await self._all(
            "SELECT seq, event, at, body FROM run_events WHERE run_id = :id AND seq > :after ORDER BY seq LIMIT :limit",
            id=run_id,
            after=after,
            limit=limit,
        )
        return [RunEventAnswer.model_validate(dict(row)) for row in rows]

    async def run_counts(self) -> dict[str, int]:
        rows = await self._all("SELECT status, count(*) AS runs FROM runs GROUP BY status")
        return {row["status"]: row["runs"] for row in rows}

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
