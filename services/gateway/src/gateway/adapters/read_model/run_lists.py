"""Lists of runs: newest first, by state, workflow, trigger, time and words, quick with a million of them.

Every way through the table is along an index that ends in (asked_at, run_id), so a page is the first rows of a few ranges and never a
sort of everything. Words are looked for in the newest runs first, which answers what is frequent, and then by trigrams, which answers
what is rare.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.adapters.read_model.rows import Row, Rows, like
from gateway.application.ports.read_model import COUNTED, STATES, RunFilter

RUN = (
    "run_id AS id, workflow_id, workflow, version, status, inputs, requested_by, trigger, trace_id, span_id, parent_span_id,"
    " business_key, priority, deadline_at, queued_for, paused_at, paused_by, pause_reason,"
    " asked_at, started_at, finished_at, message, seq, gaps, refusal, cancel_asked_at, updated_at"
)
WALKED = 5_000
"""Runs of a filtered list whose words are looked at one by one before the trigrams are asked."""
SHORTEST = 3
"""Signs of which trigrams are made."""
NEWEST = 50_000
"""The same for a list of all runs, where the words themselves stand in the order of the list."""
MOST_HITS = 20_000
"""Rows that the trigrams may bring; a word that is in more is found by walking on."""
MOST_WALKED = 10
"""How many times further is walked when a word is in very many runs, or is too short for trigrams."""
MOST_SCANNED = 5_000
"""Runs of a state that a count by trigger looks at; a count that would need more is not known."""

Keys = tuple[datetime, str]
"""Where a page ended: asked_at and run_id of its last run."""

_RANGES = """
    SELECT newest.run_id, newest.asked_at
    FROM unnest(cast(:workflows AS text[])) AS of_workflow, unnest(cast(:statuses AS text[])) AS of_state,
    LATERAL (SELECT run_id, asked_at FROM runs WHERE {where} ORDER BY asked_at DESC, run_id DESC LIMIT :limit) AS newest
    ORDER BY newest.asked_at DESC, newest.run_id DESC LIMIT :limit
"""


def _conditions(wanted: RunFilter, workflows: list[str], after: Keys | None) -> tuple[str, dict[str, Any]]:
    """Return the WHERE of one range, and its parameters. Only what is asked stands in it, so that the planner sees the index."""
    statuses = wanted.statuses
    parts, values = ["true"], dict[str, Any](workflows=workflows or [""], statuses=statuses or [""])
    if workflows:
        parts.append("runs.workflow_id = of_workflow")
    if statuses:
        parts.append("runs.status = of_state")
    if wanted.trigger:
        kind, named, _ = wanted.trigger.partition(":")
        parts.append("runs.trigger_kind = :kind" + (" AND runs.trigger = :trigger" if named else ""))
        values |= {"kind": kind} | ({"trigger": wanted.trigger} if named else {})
    if wanted.since:
        parts.append("runs.asked_at >= :since")
        values["since"] = wanted.since
    if wanted.until:
        parts.append("runs.asked_at < :until")
        values["until"] = wanted.until
    if after is not None:
        parts.append("(runs.asked_at, runs.run_id) < (:at, :run)")
        values |= {"at": after[0], "run": after[1]}
    return " AND ".join(parts), values


@dataclass(frozen=True)
class _Found:
    """Runs that hold the words; ``whole``: nothing else of the list can hold them."""

    ids: list[str]
    whole: bool


class RunLists(Rows):
    """Which runs a list shows, and how many there are."""

    async def _page(self, wanted: RunFilter, after: Keys | None, limit: int) -> list[str]:
        """Return the ids of a page, newest first."""
        where, values = _conditions(wanted, await self._workflow_ids(wanted.workflow), after)
        ranges = _RANGES.format(where=where)
        if not wanted.words:
            return [row["run_id"] for row in await self._all(ranges, **values, limit=limit)]
        pattern = like(wanted.words)
        filtered = bool(wanted.workflow or wanted.status or wanted.trigger)
        found = (
            await self._walk(ranges, values, pattern, limit, WALKED)
            if filtered
            else await self._newest_words(where, values, pattern, limit, NEWEST)
        )
        if found.whole or len(found.ids) >= limit:
            return found.ids
        if len(wanted.words) >= SHORTEST:
            hits = await self._hits(where, values, pattern, limit)
            if hits is not None:
                return hits
        if filtered:
            return (await self._walk(ranges, values, pattern, limit, WALKED * MOST_WALKED)).ids
        return (await self._newest_words(where, values, pattern, limit, NEWEST * MOST_WALKED)).ids

    async def _walk(self, ranges: str, values: dict[str, Any], pattern: str, limit: int, most: int) -> _Found:
        """Look at the words of the runs that the filter lets through."""
        rows = await self._all(
            f"""
            WITH walked AS MATERIALIZED ({ranges}), page AS (
                SELECT walked.run_id, walked.asked_at FROM walked JOIN run_words USING (run_id)
                WHERE run_words.words ILIKE :pattern ORDER BY walked.asked_at DESC, walked.run_id DESC LIMIT :shown
            )
            SELECT page.run_id, counted.walked FROM (SELECT count(*) AS walked FROM walked) AS counted LEFT JOIN page ON true
            ORDER BY page.asked_at DESC, page.run_id DESC
            """,  # noqa: S608 - constants of this module; values are bound
            **values,
            pattern=pattern,
            limit=most,
            shown=limit,
        )
        return _Found([row["run_id"] for row in rows if row["run_id"] is not None], whole=rows[0]["walked"] < most)

    async def _newest_words(self, where: str, values: dict[str, Any], pattern: str, limit: int, most: int) -> _Found:
        """Look at the words of all runs, newest first."""
        given = {name: value for name, value in values.items() if name not in ("workflows", "statuses")}
        rows = await self._all(
            f"""
            SELECT walked.run_id FROM (
                SELECT run_id, asked_at, words FROM run_words AS runs WHERE {where} ORDER BY asked_at DESC, run_id DESC LIMIT :most
            ) AS walked
            WHERE walked.words ILIKE :pattern ORDER BY walked.asked_at DESC, walked.run_id DESC LIMIT :limit
            """,  # noqa: S608
            **given,
            pattern=pattern,
            most=most,
            limit=limit,
        )
        return _Found([row["run_id"] for row in rows], whole=False)

    async def _hits(self, where: str, values: dict[str, Any], pattern: str, limit: int) -> list[str] | None:
        """Return the page by trigrams, None when the word is in too many runs."""
        rows = await self._all(
            f"""
            WITH hits AS MATERIALIZED (SELECT run_id FROM run_words WHERE words ILIKE :pattern LIMIT :most), page AS (
                SELECT runs.run_id, runs.asked_at
                FROM hits JOIN runs USING (run_id),
                    unnest(cast(:workflows AS text[])) AS of_workflow, unnest(cast(:statuses AS text[])) AS of_state
                WHERE {where} ORDER BY runs.asked_at DESC, runs.run_id DESC LIMIT :limit
            )
            SELECT page.run_id, counted.hits FROM (SELECT count(*) AS hits FROM hits) AS counted LEFT JOIN page ON true
            ORDER BY page.asked_at DESC, page.run_id DESC
            """,  # noqa: S608
            **values,
            pattern=pattern,
            most=MOST_HITS,
            limit=limit,
        )
        if rows[0]["hits"] >= MOST_HITS:
            return None
        return [row["run_id"] for row in rows if row["run_id"] is not None]

    async def count_runs(self, wanted: RunFilter) -> dict[str, int | None]:
        """Return how many runs of each state match, at most COUNTED of each; None where that is not known cheaply. Words don't count."""
        untriggered = RunFilter(workflow=wanted.workflow, status=wanted.status or ",".join(STATES), since=wanted.since, until=wanted.until)
        where, values = _conditions(untriggered, await self._workflow_ids(wanted.workflow), None)
        kind, named, _ = wanted.trigger.partition(":")
        most = MOST_SCANNED if wanted.trigger else COUNTED
        rows = await self._all(
            f"""
            SELECT of_state AS state, sum(counted.found) AS found, max(counted.looked) AS looked
            FROM unnest(cast(:workflows AS text[])) AS of_workflow, unnest(cast(:statuses AS text[])) AS of_state,
            LATERAL (
                SELECT count(*) AS looked,
                    count(*) FILTER (WHERE (:kind = '' OR trigger_kind = :kind) AND (:trigger = '' OR trigger = :trigger)) AS found
                FROM (SELECT trigger, trigger_kind FROM runs WHERE {where} ORDER BY asked_at DESC LIMIT :most) AS newest
            ) AS counted GROUP BY of_state
            """,  # noqa: S608
            **values,
            kind=kind,
            trigger=wanted.trigger if named else "",
            most=most,
        )
        return {
            row["state"]: min(int(row["found"]), COUNTED) if row["found"] >= COUNTED or row["looked"] < most or not wanted.trigger else None
            for row in rows
        }

    async def _workflow_ids(self, wanted: str) -> list[str]:
        """Return the ids that a name or id means; one that nothing has is taken for an id."""
        if not wanted:
            return []
        rows = await self._all("SELECT id FROM workflows WHERE name = :wanted OR id = :wanted", wanted=wanted)
        return [row["id"] for row in rows] or [wanted]

    async def _runs(self, ids: list[str]) -> list[Row]:
        rows = await self._all(f"SELECT {RUN} FROM runs WHERE run_id = ANY(cast(:ids AS text[]))", ids=ids)  # noqa: S608
        by_id = {row["id"]: row for row in rows}
        return [by_id[run_id] for run_id in ids if run_id in by_id]
