"""Replicas share the clusters by leases on the database's clock.

Every cluster is watched by one replica. Claiming raises the cluster's epoch, and every write names it, so a replica that was
paused and wakes up changes nothing. Each replica takes a fair share; one that stops gives its clusters back at once, one that
dies loses them after ``LEASE_SECONDS``.
"""

from dataclasses import dataclass

from shared.runtime.database import Database

LEASE_SECONDS = 15.0
REPLICA_SECONDS = 15.0

_SEEN = """
INSERT INTO replicas (owner, seen_at) VALUES ($1, clock_timestamp())
ON CONFLICT (owner) DO UPDATE SET seen_at = clock_timestamp()
"""
_FORGET = "DELETE FROM replicas WHERE seen_at < clock_timestamp() - interval '1 hour'"
_RENEW = """
UPDATE clusters SET lease_until = clock_timestamp() + make_interval(secs => $2)
WHERE lease_owner = $1 AND lease_until > clock_timestamp()
"""
_SHARE = """
SELECT ceil((SELECT count(*) FROM clusters)::numeric
            / greatest(1, (SELECT count(*) FROM replicas WHERE seen_at > clock_timestamp() - make_interval(secs => $1))))::int
"""
_CLAIM = """
UPDATE clusters SET lease_owner = $1, lease_epoch = lease_epoch + 1, lease_until = clock_timestamp() + make_interval(secs => $2)
WHERE cluster_id IN (
    SELECT cluster_id FROM clusters WHERE lease_until IS NULL OR lease_until < clock_timestamp()
    ORDER BY cluster_id LIMIT $3 FOR UPDATE SKIP LOCKED)
"""
_HELD = "SELECT count(*) FROM clusters WHERE lease_owner = $1 AND lease_until > clock_timestamp()"
_GIVE_BACK = """
UPDATE clusters SET lease_until = NULL, lease_owner = NULL
WHERE cluster_id IN (
    SELECT cluster_id FROM clusters WHERE lease_owner = $1 AND lease_until > clock_timestamp() ORDER BY cluster_id DESC LIMIT $2)
"""
_MINE = "SELECT cluster_id, lease_epoch, revision FROM clusters WHERE lease_owner = $1 AND lease_until > clock_timestamp()"
_ASKED = """
SELECT DISTINCT cluster_id FROM commands
WHERE status IN ('asked', 'sent') AND next_attempt_at <= clock_timestamp() AND cluster_id = ANY($1::text[])
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A cluster that this replica watches."""

    cluster_id: str
    epoch: int
    revision: int


class ClusterLeases:
    """The leases of one replica. ``owner`` is unique to the process: a restarted one starts with nothing."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self.owner = owner

    async def turn(self) -> list[Held]:
        """Renew what is held, take a fair share of what is free, give back what is too much; return what is held then."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(_SEEN, self.owner)
            await connection.execute(_RENEW, self.owner, LEASE_SECONDS)
            share: int = await connection.fetchval(_SHARE, REPLICA_SECONDS)
            # A lease that ran out, as all do while the database is away, is nobody's: also this replica must claim it anew.
            held: int = await connection.fetchval(_HELD, self.owner)
            if held < share:
                await connection.execute(_CLAIM, self.owner, LEASE_SECONDS, share - held)
            elif held > share:
                await connection.execute(_GIVE_BACK, self.owner, held - share)
            rows = await connection.fetch(_MINE, self.owner)
        return [Held(row["cluster_id"], row["lease_epoch"], row["revision"]) for row in rows]

    async def asked(self, cluster_ids: list[str]) -> set[str]:
        """Give those of the clusters that have commands to carry out."""
        if not cluster_ids:
            return set()
        async with self._database.connection() as connection:
            return {row["cluster_id"] for row in await connection.fetch(_ASKED, cluster_ids)}

    async def give_back(self) -> None:
        """Let go of everything, so that others need not wait."""
        async with self._database.connection() as connection:
            await connection.execute(_GIVE_BACK, self.owner, 1_000_000)
            await connection.execute("DELETE FROM replicas WHERE owner = $1", self.owner)
            await connection.execute(_FORGET)
