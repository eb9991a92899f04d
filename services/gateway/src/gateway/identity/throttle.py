"""Failed sign-ins slow down the next ones, per account and per address, counted in PostgreSQL by all replicas together."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.identity.tables import FailedTry

WINDOW = timedelta(minutes=15)
FREE_PER_ACCOUNT, FREE_PER_ADDRESS = 5, 30
LONGEST = timedelta(minutes=15)


def subjects_of(name: str, address: str) -> dict[str, int]:
    """Return what a try is counted under, and how many failures each may have before it waits."""
    account = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return {f"account:{account}": FREE_PER_ACCOUNT, f"address:{address[:64]}": FREE_PER_ADDRESS}


def wait_after(failures: int, free: int, last: datetime, at: datetime) -> timedelta:
    """Return how long the next try must still wait: 30 s after the last free one, then twice as long each time."""
    if failures < free:
        return timedelta(0)
    pause = min(timedelta(seconds=30 * 2 ** min(failures - free, 10)), LONGEST)
    return max(last + pause - at, timedelta(0))


async def pause_before(session: AsyncSession, subjects: dict[str, int], at: datetime) -> timedelta:
    """Return how long these subjects must still wait. Holds their locks, so parallel tries are counted one after the other."""
    for subject in sorted(subjects):
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"gateway:throttle:{subject}", 11))))
    query = (
        select(FailedTry.subject, func.count(), func.max(FailedTry.at))  # type: ignore[call-overload]
        .where(FailedTry.subject.in_(list(subjects)), FailedTry.at > at - WINDOW)  # type: ignore[attr-defined]
        .group_by(FailedTry.subject)
    )
    rows = (await session.execute(query)).all()
    return max((wait_after(count, subjects[subject], last, at) for subject, count, last in rows), default=timedelta(0))


async def note_try(session: AsyncSession, subjects: dict[str, int], at: datetime) -> list[int]:
    """Count a try as a failure until it is known, forget old ones, and return what was noted."""
    statement = insert(FailedTry).values([{"subject": subject, "at": at} for subject in subjects]).returning(FailedTry.id)  # type: ignore[call-overload]
    noted = list((await session.execute(statement)).scalars())
    await session.execute(delete(FailedTry).where(FailedTry.at < at - 2 * WINDOW))  # type: ignore[arg-type]
    return noted


async def forgive(session: AsyncSession, subjects: dict[str, int], noted: list[int]) -> None:
    """After a success forget this try and the account's failures; the address keeps its earlier ones."""
    accounts = [subject for subject in subjects if subject.startswith("account:")]
    await session.execute(delete(FailedTry).where(or_(FailedTry.id.in_(noted), FailedTry.subject.in_(accounts))))  # type: ignore[attr-defined,union-attr]
