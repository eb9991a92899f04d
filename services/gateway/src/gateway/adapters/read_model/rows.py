"""Asking PostgreSQL for rows, and cursors that go on where a page ended."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from gateway.application.ports.read_model import WrongCursor
from shared.runtime.database import Database

Row = Mapping[str, Any]


class Rows:
    """Base of the reads: plain SQL with bound parameters, rows as mappings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _all(self, query: str, **parameters: Any) -> Sequence[Row]:
        async with self._database.session() as session:
            return [dict(row) for row in (await session.execute(text(query), parameters)).mappings()]

    async def _one(self, query: str, **parameters: Any) -> Row | None:
        rows = await self._all(query, **parameters)
        return rows[0] if rows else None


def cursor_of(*keys: Any) -> str:
    """Return a cursor that holds the sort keys of the last row."""
    plain = [key.isoformat() if isinstance(key, datetime) else key for key in keys]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).rstrip(b"=").decode()


def keys_of(cursor: str, *types: type) -> list[Any]:
    """Return the sort keys in a cursor; raise WrongCursor when this list did not make it."""
    try:
        raw = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if not isinstance(raw, list) or len(raw) != len(types):
            raise WrongCursor("The cursor belongs to another list.")
        keys = [datetime.fromisoformat(value) if kind is datetime else value for kind, value in zip(types, raw, strict=True)]
        if not all(isinstance(value, kind) for kind, value in zip(types, keys, strict=True)):
            raise WrongCursor("The cursor belongs to another list.")
        if any(isinstance(value, datetime) and value.tzinfo is None for value in keys):
            raise WrongCursor("The cursor belongs to another list.")
    except (ValueError, TypeError, binascii.Error, RecursionError) as broken:
        raise WrongCursor("The cursor can't be read; begin again without 'after'.") from broken
    return keys


def like(words: str) -> str:
    """Return an ILIKE pattern that looks for these words as they are."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
