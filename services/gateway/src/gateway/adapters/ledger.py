"""Audit, live changes and remembered answers: what every change writes beside itself."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from gateway.adapters.tables import AuditEntry, IdempotencyKey
from gateway.application.definitions import Entry
from gateway.application.ports.work import Remembered
from shared.runtime.clock import now

LIVE_CHANNEL = "gateway_live"

_CHANGES = text(
    """
    INSERT INTO live_changes (kind, id, at)
    SELECT kind, id, clock_timestamp() FROM unnest(:kinds, :ids) WITH ORDINALITY AS row (kind, id, nr) ORDER BY nr
    """
).bindparams(bindparam("kinds", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text)))


async def write_changes(session: AsyncSession, changes: list[tuple[str, str]]) -> None:
    """Number the changes and wake every replica when the transaction commits.

    The lock is taken last and held to the commit: numbers become visible in their order, so "everything after n" misses nothing.
    """
    unique = list(dict.fromkeys(changes))
    if not unique:
        return
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('gateway:live'))"))
    await session.execute(_CHANGES, {"kinds": [kind for kind, _ in unique], "ids": [subject for _, subject in unique]})
    await session.execute(text(f"NOTIFY {LIVE_CHANNEL}"))


def chain(previous: str, fields: dict[str, Any]) -> str:
    """Return the hash of an entry that follows ``previous``."""
    body = json.dumps(fields, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


async def write_audit(session: AsyncSession, entry: Entry) -> None:
    """Append one line to the audit."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('gateway:audit'))"))
    previous = (await session.execute(text("SELECT hash FROM audit ORDER BY id DESC LIMIT 1"))).scalar() or ""
    fields = asdict(entry)
    fields.pop("id")
    fields["at"] = entry.at or now()
    hashed = chain(previous, {**fields, "at": fields["at"].isoformat()})
    await session.execute(insert(AuditEntry).values(**fields, hash=hashed))


async def remember(session: AsyncSession, principal: str, route: str, key: str) -> Remembered | None:
    """Return the answer that this key was given, or claim the key; a second request waits for the first one's end."""
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7))")
    await session.execute(lock, {"name": f"gateway:idempotency:{principal}:{route}:{key}"})
    found = (
        await session.execute(
            select(IdempotencyKey).where(
                IdempotencyKey.principal == principal,  # type: ignore[arg-type]
                IdempotencyKey.route == route,  # type: ignore[arg-type]
                IdempotencyKey.key == key,  # type: ignore[arg-type]
            )
        )
    ).scalar_one_or_none()
    if found is None:
        return None
    return Remembered(body_hash=found.body_hash, status=found.status, answer=found.answer, headers=found.headers)


async def keep_answer(session: AsyncSession, principal: str, route: str, key: str, answer: Remembered) -> None:
    """Keep an answer for whoever repeats the request."""
    values = {"principal": principal, "route": route, "key": key, "at": now(), **answer.model_dump()}
    await session.execute(insert(IdempotencyKey).values(**values))
