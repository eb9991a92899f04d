"""One database transaction and the messages that leave with it."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from shared.contracts.topics import MAX_MESSAGE_BYTES, Topic
from shared.runtime.cloudevents import headers_of
from shared.runtime.delivery.rows import OutboxRow, pack
from shared.runtime.origin import Origin
from shared.runtime.records import OutgoingRecord
from shared.runtime.tracing import current_traceparent

HELD_SECONDS = 15
"""How long a fresh row belongs to the process that wrote it; after that the relay takes it for left over."""

_INSERT = text(
    """
    INSERT INTO outbox (topic, key, value, headers, held_until)
    SELECT topic, key, value, headers, clock_timestamp() + make_interval(secs => :held)
    FROM unnest(:topics, :keys, :values, :headers) WITH ORDINALITY AS row (topic, key, value, headers, nr)
    ORDER BY nr
    RETURNING id,
        ARRAY(SELECT older.id FROM outbox AS older
              WHERE older.published_at IS NULL AND older.topic = outbox.topic AND older.key = outbox.key AND older.id < outbox.id)
    """
).bindparams(
    bindparam("topics", type_=ARRAY(Text)),
    bindparam("keys", type_=ARRAY(BYTEA)),
    bindparam("values", type_=ARRAY(BYTEA)),
    bindparam("headers", type_=ARRAY(BYTEA)),
)


class MessageTooLarge(ValueError):
    """A message that no topic takes; raised where it is published, so that the transaction it belongs to does not happen."""


class Transaction:
    """What a use case works with: the session of one transaction, and ``publish`` for what leaves when it commits."""

    def __init__(self, session: AsyncSession, source: str, origin: Origin | None = None) -> None:
        self.session = session
        self._source = source
        self._origin = origin
        self._records: list[OutgoingRecord] = []
        self._callbacks: list[Callable[[], None]] = []

    def publish(
        self, topic: Topic, event: BaseModel | None, *, key: str, event_id: str | None = None, event_type: str | None = None
    ) -> str:
        """Let ``event`` leave on ``topic`` when the transaction commits; None is a tombstone. Returns the event's id.

        The current trace goes along. Order is kept per key as long as the writers of one key hold its row's lock.
        """
        value = None if event is None else topic.encode(event)
        if value is not None and len(value) > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(f"{topic.name}: a message of {len(value)} bytes; the most is {MAX_MESSAGE_BYTES}")
        identity, headers = headers_of(
            event_type=event_type or type_of(topic, event),
            source=self._source,
            subject=key,
            event_id=event_id,
            traceparent=current_traceparent(),
            tombstone=event is None,
        )
        if self._origin is not None and topic.external:
            headers.append(self._origin.sign(topic.name, key.encode(), identity, value))
        self._records.append(OutgoingRecord(topic.name, key.encode(), value, headers))
        return identity

    def publish_record(self, record: OutgoingRecord) -> None:
        """Let a record leave as it is: for dead letters, which carry bytes that fit no model."""
        self._records.append(record)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once the transaction stands; it must not raise and must not wait."""
        self._callbacks.append(callback)

    async def write_outbox(self) -> list[tuple[OutboxRow, frozenset[int]]]:
        """Insert the rows; return each with the ids of older rows of its key that are not acknowledged yet."""
        if not self._records:
            return []
        result = await self.session.execute(
            _INSERT,
            {
                "held": HELD_SECONDS,
                "topics": [record.topic for record in self._records],
                "keys": [record.key for record in self._records],
                "values": [record.value for record in self._records],
                "headers": [pack(record.headers) for record in self._records],
            },
        )
        rows: list[Any] = sorted(result.all(), key=lambda row: row[0])
        written: list[tuple[OutboxRow, frozenset[int]]] = []
        for (identity, older), record in zip(rows, self._records, strict=True):
            written.append((OutboxRow(identity, record), frozenset(older)))
        return written

    def committed(self) -> None:
        """Run the callbacks; called by the outbox after the commit."""
        for callback in self._callbacks:
            callback()


def type_of(topic: Topic, event: BaseModel | None) -> str:
    """Return the CloudEvents type: the topic and the model, for example ``flowtower.runs.outcomes.v1.RunStarted``."""
    return f"flowtower.{topic.name}.{'Removed' if event is None else type(event).__name__}"
