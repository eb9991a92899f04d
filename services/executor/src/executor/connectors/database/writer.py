"""Messages into a table: each window is one transaction, and with a unique key a repeat changes nothing."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg

from executor.application.ports import Message, Work
from executor.connectors.database.session import explained
from executor.connectors.database.table import Row, Table


class TableWriter:
    """Writes windows one after another; behind one that failed nothing more is written."""

    def __init__(self, connection: asyncpg.Connection, work: Work, table: Table) -> None:
        self._connection = connection
        self._endpoint = work.place.system
        self._table = table
        self._shown: str = work.place.options.table
        self._turn = asyncio.Lock()
        self._failed: BaseException | None = None

    async def send(self, messages: Sequence[Message]) -> "asyncio.Future[Any]":
        return asyncio.ensure_future(self._write(list(messages)))

    async def _write(self, messages: list[Message]) -> None:
        async with self._turn:
            if self._failed is not None:
                raise self._failed
            try:
                with explained(self._endpoint, self._shown):
                    batches = list(batched([self._table.row(message) for message in messages], self._table))
                    async with self._connection.transaction():
                        for columns, rows in batches:
                            await self._connection.execute(self._table.statement(columns), json.dumps(rows, ensure_ascii=False))
            except BaseException as error:
                self._failed = error
                raise

    def wrote(self) -> dict[str, Any]:
        return {"table": self._shown}


def batched(rows: Sequence[Row], table: Table) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    """Return the rows in their order, in batches of the same columns and without two rows of one key.

    Of rows with one key and the same columns the later one says everything that the earlier one did, so it stands for both.
    """
    columns: tuple[str, ...] = ()
    batch: dict[Any, Row] = {}
    for number, row in enumerate(rows):
        if (own := tuple(sorted(row))) != columns:
            if batch:
                yield columns, list(batch.values())
            columns, batch = own, {}
        key = json.dumps([row[column] for column in table.key], sort_keys=True) if table.key else number
        if not (table.ignore and key in batch):
            batch.pop(key, None)
            batch[key] = row
    if batch:
        yield columns, list(batch.values())
