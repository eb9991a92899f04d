"""The inbox: which events a consumer has handled. Asked and written in the transaction of their effects."""

from collections.abc import Mapping

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

# Sorted, so that two consumers with the same events wait for each other and don't lock each other out.
_INSERT = text(
    """
    INSERT INTO inbox (consumer, event_id, position)
    SELECT :consumer, event_id, position FROM unnest(:ids, :positions) AS new (event_id, position) ORDER BY event_id
    ON CONFLICT DO NOTHING RETURNING event_id
    """
).bindparams(bindparam("consumer", type_=Text), bindparam("ids", type_=ARRAY(Text)), bindparam("positions", type_=ARRAY(Text)))


async def enter(session: AsyncSession, consumer: str, positions: Mapping[str, str]) -> frozenset[str]:
    """Enter events (id → position) for ``consumer`` and return the ids that it had not seen before."""
    if not positions:
        return frozenset()
    result = await session.execute(_INSERT, {"consumer": consumer, "ids": list(positions), "positions": list(positions.values())})
    return frozenset(result.scalars())
