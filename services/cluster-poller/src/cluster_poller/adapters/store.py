"""The poller's state in PostgreSQL. Each write is one transaction with what it publishes, and only under a lease that holds."""

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from cluster_poller.adapters.memory import read_memory, write_memory
from cluster_poller.application.ports import Lease, Message, PendingCommand, StaleLease
from cluster_poller.domain.snapshot import KnownRun, RunKey, Snapshot
from shared.contracts import topics
from shared.contracts.clusters import ClusterCommand, ClusterCommandOutcome, ClusterRegistered, CommandStatus
from shared.runtime.database import Database
from shared.runtime.delivery import Outbox, Transaction

OVERDUE_SECONDS = 120.0
"""A command that has no time of its own is given up when its cluster could not be reached for this long."""

_GUARD = text("""
    SELECT 1 FROM clusters
    WHERE cluster_id = :cluster_id AND lease_owner = :owner AND lease_epoch = :epoch AND lease_until > clock_timestamp()
    FOR UPDATE
""")
_SAVE = text("UPDATE clusters SET memory = CAST(:memory AS jsonb) WHERE cluster_id = :cluster_id")
_UPSERT_RUNS = text("""
    INSERT INTO known_runs (cluster_id, dag_id, dag_run_id, digest, state, sort_at, counts)
    SELECT :cluster_id, row.dag_id, row.dag_run_id, row.digest, row.state, row.sort_at, row.counts
    FROM jsonb_to_recordset(CAST(:runs AS jsonb))
      AS row (dag_id text, dag_run_id text, digest text, state text, sort_at timestamptz, counts jsonb)
    ON CONFLICT (cluster_id, dag_id, dag_run_id) DO UPDATE
    SET digest = excluded.digest, state = excluded.state, sort_at = excluded.sort_at, counts = excluded.counts
""")
_FORGET_RUNS = text("""
    DELETE FROM known_runs USING jsonb_to_recordset(CAST(:runs AS jsonb)) AS row (dag_id text, dag_run_id text)
    WHERE known_runs.cluster_id = :cluster_id AND known_runs.dag_id = row.dag_id AND known_runs.dag_run_id = row.dag_run_id
""")
_PENDING = text("""
    SELECT body, status, attempted, attempts, traceparent,
           next_attempt_at <= clock_timestamp() AS due,
           coalesce(expires_at < clock_timestamp(), false) AS expired,
           asked_at < clock_timestamp() - make_interval(secs => :overdue) AND expires_at IS NULL AS overdue
    FROM commands WHERE cluster_id = :cluster_id AND status IN ('asked', 'sent') ORDER BY place LIMIT 50
""")
_ATTEMPT = text("""
    UPDATE commands SET attempted = true, attempts = attempts + 1, epoch = :epoch WHERE command_id = :command_id
""")
_SETTLE = text("""
    UPDATE commands SET status = :status, reason = :reason, observed = CAST(:observed AS jsonb), epoch = :epoch,
           settled_at = CASE WHEN :status IN ('confirmed', 'refused') THEN clock_timestamp() END
    WHERE command_id = :command_id AND status IN ('asked', 'sent')
""")
_POSTPONE = text("""
    UPDATE commands SET attempts = attempts + 1, reason = :reason, epoch = :epoch,
           next_attempt_at = clock_timestamp() + make_interval(secs => :seconds)
    WHERE command_id = :command_id
""")


class PostgresStore:
    """Implements the port ``Store`` for one replica."""

    def __init__(self, database: Database, outbox: Outbox, owner: str) -> None:
        self._database = database
        self._outbox = outbox
        self._owner = owner

    async def definition(self, cluster_id: str) -> ClusterRegistered | None:
        """Give a cluster as it is registered."""
        async with self._database.connection() as connection:
            value = await connection.fetchval("SELECT definition FROM clusters WHERE cluster_id = $1", cluster_id)
        return None if value is None else ClusterRegistered.model_validate_json(value)

    async def load(self, cluster_id: str) -> Snapshot:
        async with self._database.connection() as connection:
            memory = await connection.fetchval("SELECT memory FROM clusters WHERE cluster_id = $1", cluster_id)
            rows = await connection.fetch(
                "SELECT dag_id, dag_run_id, digest, state, sort_at, counts FROM known_runs WHERE cluster_id = $1", cluster_id
            )
        runs = {
            (row["dag_id"], row["dag_run_id"]): KnownRun(
                row["digest"], row["state"], row["sort_at"], None if row["counts"] is None else json.loads(row["counts"])
            )
            for row in rows
        }
        return read_memory(json.loads(memory or "{}"), runs)

    async def save(
        self,
        lease: Lease,
        snapshot: Snapshot,
        *,
        changed: Mapping[RunKey, KnownRun],
        forgotten: Iterable[RunKey],
        messages: Sequence[Message],
    ) -> None:
        async with self._outbox.transaction() as transaction:
            await self._guard(transaction, lease)
            session = transaction.session
            await session.execute(_SAVE, {"memory": json.dumps(write_memory(snapshot)), "cluster_id": lease.cluster_id})
            gone = [{"dag_id": dag_id, "dag_run_id": dag_run_id} for dag_id, dag_run_id in forgotten]
            if gone:
                await session.execute(_FORGET_RUNS, {"runs": json.dumps(gone), "cluster_id": lease.cluster_id})
            if changed:
                rows = [
                    {
                        "dag_id": dag_id,
                        "dag_run_id": dag_run_id,
                        "digest": run.digest,
                        "state": run.state,
                        "sort_at": run.sort_at.isoformat(),
                        "counts": None if run.counts is None else dict(run.counts),
                    }
                    for (dag_id, dag_run_id), run in changed.items()
                ]
                await session.execute(_UPSERT_RUNS, {"runs": json.dumps(rows), "cluster_id": lease.cluster_id})
            for message in messages:
                transaction.publish(message.topic, message.event, key=message.key)

    async def pending(self, lease: Lease) -> list[PendingCommand]:
        async with self._database.session() as session:
            rows = (await session.execute(_PENDING, {"cluster_id": lease.cluster_id, "overdue": OVERDUE_SECONDS})).all()
        return [
            PendingCommand(
                command=ClusterCommand.model_validate(row.body),
                status=CommandStatus(row.status),
                attempted=row.attempted,
                attempts=row.attempts,
                due=row.due,
                expired=row.expired,
                overdue=row.overdue,
                traceparent=row.traceparent,
            )
            for row in rows
        ]

    async def mark_attempt(self, lease: Lease, command_id: str) -> None:
        async with self._database.session() as session:
            await self._guard_session(session, lease)
            await session.execute(_ATTEMPT, {"command_id": command_id, "epoch": lease.epoch})

    async def settle(self, lease: Lease, outcome: ClusterCommandOutcome) -> None:
        async with self._outbox.transaction() as transaction:
            await self._guard(transaction, lease)
            await transaction.session.execute(
                _SETTLE,
                {
                    "status": outcome.status.value,
                    "reason": outcome.reason,
                    "observed": json.dumps(outcome.observed),
                    "epoch": lease.epoch,
                    "command_id": outcome.command_id,
                },
            )
            transaction.publish(topics.CLUSTERS_OUTCOMES, outcome, key=outcome.cluster_id)

    async def postpone(self, lease: Lease, command_id: str, *, seconds: float, reason: str) -> None:
        async with self._database.session() as session:
            await self._guard_session(session, lease)
            await session.execute(_POSTPONE, {"command_id": command_id, "seconds": seconds, "reason": reason[:4000], "epoch": lease.epoch})

    async def _guard(self, transaction: Transaction, lease: Lease) -> None:
        await self._guard_session(transaction.session, lease)

    async def _guard_session(self, session: AsyncSession, lease: Lease) -> None:
        """Go on only under a lease that holds; the lock on its row also keeps the cluster's messages in order."""
        found = await session.execute(_GUARD, {"cluster_id": lease.cluster_id, "owner": self._owner, "epoch": lease.epoch})
        if found.first() is None:
            raise StaleLease(lease.cluster_id)
