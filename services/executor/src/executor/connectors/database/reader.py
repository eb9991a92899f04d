"""Rows of a query as JSON messages, read in the order of one column within the window that the source took."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from executor.application.ports import Endpoint, Message, Permanent, Place, Work
from executor.connectors.database.order import number_of, value_of
from executor.connectors.database.parameters import fitted
from executor.connectors.database.session import explained, quoted

MAX_ROW_BYTES = 8 * 1024 * 1024
"""Largest row as JSON."""
_MOST_BYTES = 16 * 1024 * 1024
_STEP = 50
_HEADERS: list[tuple[str, bytes | None]] = [("content-type", b"application/json")]


class RowReader:
    """Reads a window of rows. A row's offset is its distance from the first one, so it is the same on each attempt."""

    def __init__(self, connection: asyncpg.Connection, work: Work, source: Place, resume: dict[int, int]) -> None:
        self._connection = connection
        self._endpoint: Endpoint = source.system
        self._options = source.options
        output = source.output
        self._first, self._last = int(output["first"]), int(output["last"])
        self._kind: str = output["order_type"]
        self._parameters: list[Any] = output["parameters"]
        self.total: int | None = output["messages"]
        self._next = self._first + resume.get(0, 0)
        self._again = False  # whether the row that was read last has come again
        self._prefix = work.origin(source)

    async def read(self, most: int) -> list[Message]:
        if not self.total or self._next > self._last:
            return []
        with explained(self._endpoint):
            async with self._connection.transaction(readonly=True):
                prepared = await self._connection.prepare(self._statement(len(self._parameters)))
                # The row that was read last is read again: a second one of its place would be overlooked otherwise.
                begin = max(self._next - 1, self._first)
                self._again = False
                bounds = [value_of(number, self._kind) for number in (begin, self._last)]
                return await self._rows(await prepared.cursor(*fitted(prepared, self._parameters), *bounds, most + 1))

    async def _rows(self, cursor: Any) -> list[Message]:
        """Take rows from a cursor, a few at a time, until there are enough bytes."""
        found: list[Message] = []
        size = 0
        while size < _MOST_BYTES and (rows := await cursor.fetch(_STEP)):
            for row in rows:
                if message := self._message(row):
                    found.append(message)
                    size += len(message.body)
        if not found:
            self._next = self._last + 1
        return found

    def _message(self, row: Any) -> Message | None:
        number = number_of(row["place"])
        if number == self._next - 1 and not self._again:
            self._again = True
            return None
        if number < self._next:
            text = f"order_by: “{self._options.order_by}” has the value {row['place']} more than once. Name a column without repeats."
            raise Permanent("OrderRepeats", text)
        if row["body"] is None:
            text = (
                f"The row with {self._options.order_by} = {row['place']} has more than {MAX_ROW_BYTES} bytes as JSON. Select fewer columns."
            )
            raise Permanent("RowTooLarge", text)
        self._next, self._again = number + 1, True
        offset = number - self._first
        name = f"{self._prefix}:0:{offset}"
        key = None if row["key"] is None else str(row["key"]).encode()
        return Message(row["body"].encode(), key, list(_HEADERS), 0, offset, name, name)

    def _statement(self, given: int) -> str:
        order = f"q.{quoted(self._options.order_by)}"
        key = f"q.{quoted(self._options.key)}::text" if self._options.key else "NULL::text"
        return (
            f"SELECT r.place, r.key, CASE WHEN octet_length(r.body) <= {MAX_ROW_BYTES} THEN r.body END AS body FROM ("  # noqa: S608 - quoted names
            f"SELECT {order} AS place, {key} AS key, row_to_json(q)::text AS body FROM (\n{self._options.query}\n) AS q "
            f"WHERE {order} >= ${given + 1} AND {order} <= ${given + 2} ORDER BY {order} LIMIT ${given + 3}) AS r ORDER BY r.place"
        )

    async def done(self, messages: Sequence[Message]) -> None:
        """Nothing to do: a table keeps its rows, and the checkpoint knows how far we are."""

    def skip(self, count: int) -> None:
        """Nothing to do: rows are read from where the checkpoint stands."""
