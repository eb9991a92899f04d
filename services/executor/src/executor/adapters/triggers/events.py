"""The event trigger: whether it is paused, which starts from outside ask before each run."""

import time

from sqlalchemy import text

from executor.adapters.triggers.ledger import COLUMNS, now_of, publish_fired, row_of
from executor.application.triggers.ports import EVENT
from shared.runtime.database import Database
from shared.runtime.delivery import Transaction

_FRESH_SECONDS = 1.0
_PAUSED = "SELECT workflow_id FROM triggers WHERE kind = 'event' AND paused AND NOT gone"


class PausedEvents:
    """The port EventGate. A pause holds everywhere within a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._paused: frozenset[str] = frozenset()
        self._asked_at: float | None = None

    async def paused(self, workflow_id: str) -> bool:
        if self._asked_at is None or time.monotonic() - self._asked_at > _FRESH_SECONDS:
            async with self._database.connection() as connection:
                self._paused = frozenset(found["workflow_id"] for found in await connection.fetch(_PAUSED))
            self._asked_at = time.monotonic()
        return workflow_id in self._paused


async def tell_paused_event(transaction: Transaction, workflow_id: str, event_id: str) -> None:
    """Tell that an event started nothing, because the trigger is paused."""
    query = f"SELECT {COLUMNS} FROM triggers WHERE workflow_id = :workflow_id AND name = :name AND NOT gone"  # noqa: S608
    found = (await transaction.session.execute(text(query), {"workflow_id": workflow_id, "name": EVENT})).one_or_none()
    if found is not None:
        at = await now_of(transaction)
        publish_fired(transaction, row_of(found), at, firing_id=event_id[:300], result="paused", reason="The trigger is paused.")
