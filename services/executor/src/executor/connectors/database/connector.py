"""PostgreSQL: read the rows of a query, write messages into a table, carry out one statement."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pydantic_core import to_jsonable_python

from executor.application.filling import Filling
from executor.application.ports import Endpoint, Outcome, Permanent, Place, Work
from executor.connectors.database.config import KIND, ComponentOptions
from executor.connectors.database.order import check_kind, number_of
from executor.connectors.database.parameters import expect_count, fitted, values_of
from executor.connectors.database.reader import RowReader
from executor.connectors.database.session import connected, explained, quoted
from executor.connectors.database.table import Table
from executor.connectors.database.writer import TableWriter
from executor.domain.durations import seconds_of
from shared.runtime.egress import Egress

_OUTPUT_ROWS = 100
_MAX_OUTPUT_BYTES = 256 * 1024
_ABOUT = "SELECT split_part(version(), ' on ', 1), current_database(), current_user::text, pg_is_in_recovery()"


class DatabaseConnector:
    kind = KIND

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        with explained(endpoint):
            async with connected(self._egress, endpoint, seconds=10, read_only=True) as connection:
                product, database, user, standby = await connection.fetchrow(_ABOUT)
        return {"product": product, "database": database, "user": user, "standby": standby}

    async def begin(self, work: Work) -> Outcome:
        """Read what the query finds and take the window that followers read, or carry the statement out."""
        options: ComponentOptions = work.place.options
        with explained(work.place.system):
            if options.query is not None:
                return await self._look(work, options, options.query)
            if options.statement is not None:
                return await self._execute(work, options, options.statement)
        text = (
            f"“{work.name}” writes to “{options.table}”, and nothing that holds messages leads to it. Connect a topic, a queue or a query."
        )
        raise Permanent("NothingToWrite", text)

    async def _look(self, work: Work, options: ComponentOptions, query: str) -> Outcome:
        endpoint = work.place.system
        values = values_of(options.parameters, Filling(work))
        output: dict[str, Any] = {"parameters": values}
        async with (
            connected(self._egress, endpoint, seconds=seconds_of(options.statement_timeout), read_only=True) as connection,
            # One snapshot: count, window and rows belong together.
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if options.order_by is not None:
                output |= await _window(connection, options, query, options.order_by, values)
            most = options.output_rows if options.output_rows is not None else 0 if options.order_by else _OUTPUT_ROWS
            if most:
                rows = await _some(connection, f"SELECT row_to_json(q)::text FROM (\n{query}\n) AS q", values, most)  # noqa: S608 - its author's
                output |= _kept(work, [json.loads(row[0]) for row in rows], most)
        if options.order_by is not None:
            return Outcome(output, message=f"{output['messages']} rows.")
        return Outcome(output, message=f"{len(output.get('rows', ()))} rows{', and more' if output.get('more') else ''}.")

    async def _execute(self, work: Work, options: ComponentOptions, statement: str) -> Outcome:
        endpoint = work.place.system
        values = values_of(options.parameters, Filling(work))
        async with (
            connected(self._egress, endpoint, seconds=seconds_of(options.statement_timeout)) as connection,
            connection.transaction(),
        ):
            prepared = await connection.prepare(statement)
            expect_count(prepared, values)
            if prepared.get_attributes():
                rows = await (await prepared.cursor(*fitted(prepared, values))).fetch(_OUTPUT_ROWS + 1)
                output = _kept(work, [to_jsonable_python(dict(row), fallback=str) for row in rows], _OUTPUT_ROWS)
                count = None if output["more"] else len(output["rows"])
            else:
                await prepared.fetch(*fitted(prepared, values))
                count, output = _count(prepared.get_statusmsg()), {}
        return Outcome({"rows_affected": count} | output, message="Done." if count is None else f"{count} rows.")

    @asynccontextmanager
    async def reader(self, work: Work, source: Place, resume: dict[int, int]) -> AsyncIterator[RowReader]:
        options = source.options
        if options.query is None:
            text = f"“{source.component.name}” reads nothing: it writes or executes. Connect it with kind: then, or give it a query:."
            raise Permanent("NotReadable", text)
        if options.order_by is None:
            raise Permanent("OrderMissing", f"Rows of “{source.component.name}” can only be handed on in an order. Add order_by: to it.")
        seconds = seconds_of(options.statement_timeout)
        async with connected(self._egress, source.system, seconds=seconds, read_only=True) as connection:
            yield RowReader(connection, work, source, resume)

    @asynccontextmanager
    async def writer(self, work: Work) -> AsyncIterator[TableWriter]:
        options, endpoint = work.place.options, work.place.system
        if options.table is None:
            text = f"“{work.name}” takes no messages: it reads or executes. Connect it with kind: then, or give it a table:."
            raise Permanent("NotWritable", text)
        async with connected(self._egress, endpoint, seconds=seconds_of(options.statement_timeout)) as connection:
            with explained(endpoint, options.table):
                table = await Table.look(connection, work)
            yield TableWriter(connection, work, table)


async def _window(connection: asyncpg.Connection, options: ComponentOptions, query: str, column: str, values: list[Any]) -> dict[str, Any]:
    """Return how many rows there are, and the first and last place of the order."""
    order, inner = f"q.{quoted(column)}", f"FROM (\n{query}\n) AS q"
    key = f", q.{quoted(options.key)}" if options.key else ""
    prepared = await connection.prepare(f"SELECT {order}{key} {inner} LIMIT 0")
    expect_count(prepared, values)
    kind = check_kind(prepared.get_attributes()[0].type.name, column)
    given = fitted(prepared, values)
    total, ordered = await connection.fetchrow(f"SELECT count(*), count({order}) {inner}", *given)
    if ordered < total:
        raise Permanent(
            "OrderNull", f"order_by: “{column}” is null in {total - ordered} rows. Name another column, or leave these rows out."
        )
    ends = [await connection.fetchval(f"SELECT {order} {inner} ORDER BY {order} {way} LIMIT 1", *given) for way in ("ASC", "DESC")]
    first, last = (0, -1) if not total else map(number_of, ends)
    return {"messages": total, "order_type": kind, "first": first, "last": last}


async def _some(connection: asyncpg.Connection, query: str, values: list[Any], most: int) -> list[Any]:
    """Return the first rows, one more than asked for when there are more."""
    prepared = await connection.prepare(query)
    expect_count(prepared, values)
    rows: list[Any] = await (await prepared.cursor(*fitted(prepared, values))).fetch(most + 1)
    return rows


def _kept(work: Work, rows: list[Any], most: int) -> dict[str, Any]:
    size = len(json.dumps(rows[:most], ensure_ascii=False).encode())
    if size > _MAX_OUTPUT_BYTES:
        text = (
            f"The rows of “{work.name}” have {size} bytes; at most {_MAX_OUTPUT_BYTES} are kept. Select fewer columns, or set output_rows:."
        )
        raise Permanent("OutputTooLarge", text)
    return {"rows": rows[:most], "more": len(rows) > most}


def _count(status: str) -> int | None:
    """Return the number at the end of the server's word, for example “UPDATE 5”."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else None
