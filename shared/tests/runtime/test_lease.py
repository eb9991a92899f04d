"""A claim raises its epoch; a stale epoch changes no row."""

import asyncio

import pytest

from shared.runtime.delivery.lease import Claim, Leases, StaleEpoch, guard

pytestmark = pytest.mark.connected


async def test_one_holder_at_a_time_and_each_claim_has_a_higher_epoch(database) -> None:
    first, second = Leases(database, "a"), Leases(database, "b")
    claim = await first.claim("work", 30)
    assert claim == Claim("work", 1)
    assert await second.claim("work", 30) is None
    await first.release(claim)
    assert await second.claim("work", 30) == Claim("work", 2)


async def test_of_many_at_once_one_wins(database) -> None:
    claims = await asyncio.gather(*(Leases(database, str(number)).claim("work", 30) for number in range(12)))
    assert sum(claim is not None for claim in claims) == 1


async def test_a_holder_that_slept_too_long_is_refused(database) -> None:
    sleeper, other = Leases(database, "a"), Leases(database, "b")
    stale = await sleeper.claim("work", 0.2)
    await asyncio.sleep(0.4)
    fresh = await other.claim("work", 30)
    with pytest.raises(StaleEpoch):
        await sleeper.renew(stale, 30)
    await sleeper.release(stale)  # must not take the lease from the other
    await other.renew(fresh, 30)
    async with database.connection() as connection:
        with pytest.raises(StaleEpoch):  # noqa: PT012  (the block is the transaction)
            async with connection.transaction():
                await guard(connection, stale)
                await connection.execute("INSERT INTO ledger (key, number, worker) VALUES ('k', 1, 'stale')")
        async with connection.transaction():
            await guard(connection, fresh)
            await connection.execute("INSERT INTO ledger (key, number, worker) VALUES ('k', 2, 'fresh')")
        assert [row["worker"] for row in await connection.fetch("SELECT worker FROM ledger")] == ["fresh"]


async def test_nobody_takes_the_lease_while_a_guarded_transaction_runs(database) -> None:
    holder, other = Leases(database, "a"), Leases(database, "b")
    claim = await holder.claim("work", 0.3)
    async with database.connection() as connection, connection.transaction():
        await guard(connection, claim)
        await asyncio.sleep(0.5)
        taking = asyncio.create_task(other.claim("work", 30))
        done, _ = await asyncio.wait([taking], timeout=0.5)
        assert not done
    assert await taking == Claim("work", 2)
