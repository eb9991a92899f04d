"""The tables of delivery. Each service creates them in its own schema by calling ``create_delivery_tables`` in a migration."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, UUID

metadata = sa.MetaData()

_NOW = sa.text("clock_timestamp()")


def _moment(name: str, *, nullable: bool = False, default: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=_NOW if default else None)


inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("position", sa.Text, nullable=False, comment="topic:partition:offset, for tracing only"),
    _moment("received_at"),
    comment="What each consumer has handled. The key makes a second delivery change nothing.",
)
sa.Index("inbox_received_at", inbox.c.received_at, postgresql_using="brin")

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", BYTEA, nullable=True),
    sa.Column("value", BYTEA, nullable=True, comment="NULL is a tombstone"),
    sa.Column("headers", BYTEA, nullable=False, comment="JSON list of [name, value read as Latin-1]"),
    _moment("created_at"),
    _moment("held_until", default=False),
    _moment("published_at", nullable=True, default=False),
    comment="Messages that left with a state change. Marked when the broker has acknowledged them.",
)
sa.Index("outbox_pending", outbox.c.topic, outbox.c.key, outbox.c.id, postgresql_where=sa.text("published_at IS NULL"))
sa.Index("outbox_pending_by_id", outbox.c.id, postgresql_where=sa.text("published_at IS NULL"))
sa.Index("outbox_published_at", outbox.c.published_at, postgresql_using="brin")

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("id", UUID(as_uuid=False), primary_key=True),
    sa.Column("consumer", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("key", BYTEA, nullable=True),
    sa.Column("value", BYTEA, nullable=True),
    sa.Column("headers", BYTEA, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, comment="undecodable, invalid, too_large, rejected or failed"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("version", sa.Text, nullable=False, comment="of the code that gave up"),
    _moment("set_aside_at"),
    sa.UniqueConstraint("consumer", "topic", "partition", "offset", "event_id", name="dead_letters_once"),
    comment="What a consumer could not use, with everything needed to look at it and to send it again.",
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    _moment("held_until", default=False),
    comment="Who may do what only one may do. Every claim raises the epoch; a stale epoch changes nothing.",
)


def create_delivery_tables(op: Any) -> None:
    """Create the tables in the schema that is being migrated; ``op`` is Alembic's."""
    bind = op.get_bind()
    metadata.create_all(bind, checkfirst=False)


def drop_delivery_tables(op: Any) -> None:
    """Drop what ``create_delivery_tables`` made."""
    metadata.drop_all(op.get_bind(), checkfirst=False)
