"""How runs went: counts and durations over a window of time, at a bounded cost."""

from datetime import datetime

from gateway.adapters.read_model.rows import Rows
from gateway.application.answers.outcomes import OutcomesAnswer, rate

MOST = 20_000
"""Runs that are counted at most, the newest ones: a workflow may have a million a week."""


class OutcomeReads(Rows):
    """What came of a workflow's runs."""

    async def outcomes(self, workflow_id: str, since: datetime) -> OutcomesAnswer:
        rows = await self._all(
            """
            WITH newest AS (
                SELECT status, EXTRACT(EPOCH FROM finished_at - started_at)::float AS seconds
                FROM runs WHERE workflow_id = :workflow_id AND asked_at >= :since ORDER BY asked_at DESC LIMIT :most
            )
            SELECT status, count(*) AS runs,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50, percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95
            FROM newest GROUP BY status
            """,
            workflow_id=workflow_id,
            since=since,
            most=MOST,
        )
        runs = {row["status"]: row["runs"] for row in rows}
        good = next((row for row in rows if row["status"] == "succeeded"), None)
        return OutcomesAnswer(
            since=since,
            runs=runs,
            success_rate=rate(runs),
            seconds_p50=good["p50"] if good else None,
            seconds_p95=good["p95"] if good else None,
            cut=sum(runs.values()) >= MOST,
        )
