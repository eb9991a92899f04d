"""What keeps the gateway honest: who changed what, which requests were answered, and what browsers must hear of."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlmodel import Field

from gateway.adapters.tables.base import Base, document, moment, words


class AuditEntry(Base, table=True):
    """Who did what, append-only: each entry's ``hash`` covers the one before it, so a changed row shows."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    at: datetime = moment(index=True)
    who: str = words()
    action: str
    kind: str
    subject_id: str = Field(index=True)
    subject: str = words()
    before: dict[str, Any] | None = document(nullable=True)
    after: dict[str, Any] | None = document(nullable=True)
    reason: str = words()
    request_id: str = words()
    hash: str


class IdempotencyKey(Base, table=True):
    """The answer that a request with this key was given; the same request gets it again."""

    __tablename__ = "idempotency_keys"

    principal: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_hash: str
    status: int
    answer: dict[str, Any] = document()
    headers: dict[str, str] = document()
    at: datetime = moment(index=True)


class LiveChange(Base, table=True):
    """Something in the read model changed. Numbers are given under a lock, so they are committed in their order."""

    __tablename__ = "live_changes"

    seq: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    kind: str
    id: str
    at: datetime = moment(index=True)
