"""Claims that are fenced: taking one raises its epoch, and a write under an old epoch changes no row.

All times are the database's. A holder that was paused and wakes up finds its epoch stale and stops.
"""

from dataclasses import dataclass

import asyncpg

from shared.runtime.database import Database

_CLAIM = """
INSERT INTO leases (name, epoch, holder, held_until)
VALUES ($1, 1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE
SET epoch = leases.epoch + 1, holder = excluded.holder, held_until = excluded.held_until
WHERE leases.held_until < clock_timestamp()
RETURNING epoch
"""
_RENEW = """
UPDATE leases SET held_until = clock_timestamp() + make_interval(secs => $3)
WHERE name = $1 AND epoch = $2 AND held_until >= clock_timestamp() RETURNING epoch
"""
_RELEASE = "UPDATE leases SET held_until = clock_timestamp() - interval '1 second' WHERE name = $1 AND epoch = $2"
_GUARD = "SELECT 1 FROM leases WHERE name = $1 AND epoch = $2 AND held_until >= clock_timestamp() FOR SHARE"


class StaleEpoch(Exception):
    """The claim belongs to somebody else by now; whatever was about to be written must not be."""


@dataclass(frozen=True)
class Claim:
    """A lease that was won, and the epoch that every write under it must name."""

    name: str
    epoch: int


class Leases:
    """The leases of one service's schema."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder

    async def claim(self, name: str, seconds: float) -> Claim | None:
        """Take the lease for ``seconds`` if nobody holds it, and raise its epoch; None when somebody does."""
        async with self._database.connection() as connection:
            epoch = await connection.fetchval(_CLAIM, name, self._holder, seconds)
        return None if epoch is None else Claim(name, epoch)

    async def renew(self, claim: Claim, seconds: float) -> None:
        """Hold on for ``seconds`` more; raise StaleEpoch when the lease ran out or went to somebody else."""
        async with self._database.connection() as connection:
            if await connection.fetchval(_RENEW, claim.name, claim.epoch, seconds) is None:
                raise StaleEpoch(claim.name)

    async def release(self, claim: Claim) -> None:
        """Let go, so that the next one need not wait. Harmless when the claim is stale."""
        async with self._database.connection() as connection:
            await connection.execute(_RELEASE, claim.name, claim.epoch)


async def guard(connection: asyncpg.Connection, claim: Claim) -> None:
    """Inside a transaction: raise StaleEpoch unless ``claim`` still holds; nobody can take it before the transaction ends."""
    if await connection.fetchval(_GUARD, claim.name, claim.epoch) is None:
        raise StaleEpoch(claim.name)
