"""The alerter's whole memory, over one transaction of the outbox."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from alerter.adapters.knowledge_rows import KnowledgeRows
from alerter.application.ports import Store
from shared.runtime.delivery import Outbox, Transaction


class Stores:
    """Makes stores. ``wake`` is called after each commit that queued a notification."""

    def __init__(self, outbox: Outbox, wake: Callable[[], None]) -> None:
        self._outbox = outbox
        self._wake = wake

    def within(self, transaction: Transaction) -> Store:
        """Return the store that works inside a transaction that somebody else opened."""
        return KnowledgeRows(transaction, self._wake)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        """Open a transaction with a store in it."""
        async with self._outbox.transaction() as transaction:
            yield self.within(transaction)
