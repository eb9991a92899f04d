"""What comes in over Kafka, written down: registered clusters and commands."""

import json
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import text

from shared.contracts import topics
from shared.contracts.clusters import ClusterCommand, ClusterCommandOutcome, ClusterRegistered, CommandStatus
from shared.runtime.delivery import Outbox, Transaction
from shared.runtime.tracing import continue_trace

UNKNOWN_SECONDS = 30.0
"""A command may overtake the registration of its cluster, which comes on another topic; after this it is refused."""

_REGISTER = text("""
    INSERT INTO clusters (cluster_id, definition, revision) VALUES (:cluster_id, CAST(:definition AS jsonb), :revision)
    ON CONFLICT (cluster_id) DO UPDATE SET definition = excluded.definition, revision = excluded.revision
""")
_REMOVE = text("DELETE FROM clusters WHERE cluster_id = :cluster_id")
_ASK = text("""
    INSERT INTO commands (command_id, cluster_id, body, status, traceparent, expires_at)
    VALUES (:command_id, :cluster_id, CAST(:body AS jsonb), 'asked', :traceparent, :expires_at)
    ON CONFLICT (command_id) DO NOTHING
""")
_ORPHANS = text("""
    UPDATE commands SET status = 'refused', reason = :reason, settled_at = clock_timestamp()
    WHERE command_id IN (
        SELECT command_id FROM commands
        WHERE status IN ('asked', 'sent') AND asked_at < clock_timestamp() - make_interval(secs => :seconds)
          AND NOT EXISTS (SELECT 1 FROM clusters WHERE clusters.cluster_id = commands.cluster_id)
        LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING command_id, cluster_id, body, traceparent
""")
_TIDY = text("""
    DELETE FROM commands WHERE command_id IN (
        SELECT command_id FROM commands WHERE settled_at < clock_timestamp() - interval '14 days' LIMIT 1000)
""")


async def write_cluster(transaction: Transaction, cluster: ClusterRegistered) -> None:
    await transaction.session.execute(
        _REGISTER, {"cluster_id": cluster.cluster_id, "definition": cluster.model_dump_json(), "revision": cluster.revision}
    )


async def remove_cluster(transaction: Transaction, cluster_id: str) -> None:
    """Forget a cluster with all that was known of it. Its open commands are refused by ``refuse_orphans``."""
    await transaction.session.execute(_REMOVE, {"cluster_id": cluster_id})


async def write_command(transaction: Transaction, command: ClusterCommand, traceparent: str | None) -> None:
    """Write a command down. One that came before under another event id is the same command."""
    await transaction.session.execute(
        _ASK,
        {
            "command_id": command.command_id,
            "cluster_id": command.cluster_id,
            "body": command.model_dump_json(),
            "traceparent": traceparent,
            "expires_at": command.expires_at,
        },
    )


class Orphans:
    """Commands whose cluster nobody registered, or was removed: they are refused, whoever notices first."""

    def __init__(self, outbox: Outbox, *, now: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._now = now

    async def refuse(self) -> int:
        """Refuse them and forget what was settled long ago; returns how many were refused."""
        reason = "No cluster with this id is registered; it may have been removed."
        async with self._outbox.transaction() as transaction:
            rows = (await transaction.session.execute(_ORPHANS, {"reason": reason, "seconds": UNKNOWN_SECONDS})).all()
            for row in rows:
                do = row.body.get("do", {}) if isinstance(row.body, dict) else json.loads(row.body).get("do", {})
                outcome = ClusterCommandOutcome(
                    command_id=row.command_id,
                    cluster_id=row.cluster_id,
                    status=CommandStatus.REFUSED,
                    reason=reason,
                    at=self._now(),
                    dag_id=do.get("dag_id"),
                    dag_run_id=do.get("dag_run_id"),
                )
                with continue_trace(row.traceparent):
                    transaction.publish(topics.CLUSTERS_OUTCOMES, outcome, key=row.cluster_id)
            await transaction.session.execute(_TIDY)
        return len(rows)
