"""What is known of the table that is written to, and how a message becomes a row of it."""

import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from executor.application.ports import Message, Permanent, Retryable, Work
from executor.connectors.database.session import quoted

_RELATION = "SELECT to_regclass($1)::oid::bigint"
_COLUMNS = """
SELECT attname AS name, format_type(atttypid, NULL) AS kind FROM pg_attribute
WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""

Row = dict[str, Any]
"""Column → JSON value."""


@dataclass(frozen=True)
class Table:
    """A table with its columns, held against the options of the component that writes to it."""

    name: str
    kinds: dict[str, str]  # column → type
    columns: dict[str, tuple[str, ...]]  # column → where in the message; empty = fields are named like columns
    body: str | None
    named: str | None  # the column that takes the message's name
    key: tuple[str, ...]  # what is unique
    ignore: bool

    @classmethod
    async def look(cls, connection: asyncpg.Connection, work: Work) -> "Table":
        """Look at the table; raise Retryable when it is not there and Permanent when a named column is not."""
        options = work.place.options
        name = ".".join(quoted(part) for part in options.table.split("."))
        relation = await connection.fetchval(_RELATION, name)
        if relation is None:
            text = f"Table “{options.table}” does not exist on {work.place.system.name}. Create it, or correct table: or the search_path."
            raise Retryable("TableNotFound", text)
        kinds = {row["name"]: row["kind"] for row in await connection.fetch(_COLUMNS, relation)}
        own = (options.idempotency_column,) if options.idempotency_column else ()
        wanted = [*options.columns, *options.key_columns, *own, *((options.body_column,) if options.body_column else ())]
        if missing := [column for column in wanted if column not in kinds]:
            raise Permanent("ColumnMissing", f"{_list(missing)} in “{options.table}”. It has: {', '.join(kinds)[:500]}.")
        columns = {column: tuple(path.split(".")) for column, path in options.columns.items()}
        key = options.key_columns or own
        return cls(name, kinds, columns, options.body_column, options.idempotency_column, key, options.on_conflict == "ignore")

    def row(self, message: Message) -> Row:
        """Return a message as a row; raise Permanent that names the message by its place when it can't be one."""
        row: Row = {}
        if self.columns or self.body is None:
            fields = _fields(message)
            row = {column: _at(fields, path) for column, path in self.columns.items()} if self.columns else dict(fields)
            if unknown := [name for name in row if name not in self.kinds]:
                text = (
                    f"{_list(unknown)} in {self.name}, and the message at {_place(message)} has it. Create the column, or write columns:."
                )
                raise Permanent("ColumnMissing", text)
        if self.body is not None:
            row[self.body] = self._whole(message)
        if self.named is not None:
            row[self.named] = message.name
        if lacking := [column for column in self.key if row.get(column) is None]:
            text = f"The message at {_place(message)} has nothing for the key column “{lacking[0]}”. Correct it, or columns:."
            raise Permanent("MessageInvalid", text)
        return row

    def _whole(self, message: Message) -> Any:
        kind = self.kinds[self.body or ""]
        if kind == "bytea":
            return "\\x" + message.body.hex()
        try:
            if kind in {"json", "jsonb"}:
                return json.loads(message.body)
            text = message.body.decode()
        except (ValueError, RecursionError) as error:
            what = "JSON" if kind in {"json", "jsonb"} else "text"
            text = f"The message at {_place(message)} is no {what}. Take a column of type bytea."
            raise Permanent("MessageInvalid", text) from error
        if "\0" in text:
            raise Permanent("MessageInvalid", f"The message at {_place(message)} holds a zero byte. Take a column of type bytea.")
        return text

    def statement(self, columns: tuple[str, ...]) -> str:
        """Return the statement that writes rows of these columns, given as one JSON list."""
        names = ", ".join(quoted(column) for column in columns)
        # The server itself turns JSON into the columns' types.
        text = f"INSERT INTO {self.name} AS t ({names}) SELECT {names} FROM json_populate_recordset(NULL::{self.name}, $1::json)"  # noqa: S608 - quoted names
        if not self.key:
            return text
        text += f" ON CONFLICT ({', '.join(quoted(column) for column in self.key)})"
        rest = [column for column in columns if column not in self.key]
        if self.ignore or not rest:
            return text + " DO NOTHING"
        text += f" DO UPDATE SET {', '.join(f'{quoted(column)} = excluded.{quoted(column)}' for column in rest)}"
        # A repeat writes nothing, not even a new version of the row. The name differs with each run, and is no news by itself.
        news = [column for column in rest if column != self.named]
        return f"{text} WHERE ({self._compared('t', news)}) IS DISTINCT FROM ({self._compared('excluded', news)})" if news else text

    def _compared(self, of: str, columns: list[str]) -> str:
        shown = (f"{of}.{quoted(column)}{'::text' if self.kinds[column] in _UNEQUAL else ''}" for column in columns)
        return f"ROW({', '.join(shown)})"


_UNEQUAL = frozenset({"json", "xml", "point", "polygon", "box", "path"})
"""Types whose values can't be compared by the server's equality."""


def _place(message: Message) -> str:
    return f"{message.lane}:{message.offset}"


def _fields(message: Message) -> dict[str, Any]:
    try:
        fields = json.loads(message.body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        text = f"The message at {_place(message)} is no JSON object. Write body_column: to keep messages as they are."
        raise Permanent("MessageInvalid", text)
    return fields


def _at(fields: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(fields, dict):
            return None
        fields = fields.get(name)
    return fields


def _list(names: list[str]) -> str:
    shown = ", ".join(f"“{name[:63]}”" for name in names[:5])
    return f"There is no column {shown}" if len(names) == 1 else f"There are no columns {shown}"
