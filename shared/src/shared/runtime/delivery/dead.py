"""Dead letters: a message that a consumer can't use is kept whole, in a table and on a topic, and the next one goes on."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.dialects.postgresql import insert

from shared.runtime import metrics
from shared.runtime.delivery.rows import pack
from shared.runtime.delivery.tables import dead_letters
from shared.runtime.delivery.transaction import Transaction
from shared.runtime.ids import new_id
from shared.runtime.logging import mask_text
from shared.runtime.records import Headers, OutgoingRecord, Record
from shared.runtime.version import VERSION

Kind = Literal["undecodable", "invalid", "too_large", "rejected", "failed"]

_MAX_REASON = 2_000
_MAX_KEPT = 1_048_576


@dataclass(frozen=True)
class Verdict:
    """Why a message is set aside, and after how many tries."""

    kind: Kind
    reason: str
    tries: int = 1


async def set_aside(transaction: Transaction, *, record: Record, group: str, event_id: str, topic: str, verdict: Verdict) -> None:
    """Keep the record with its bytes, headers, place and reason, and send it to ``topic``, in the given transaction.

    Headers that begin with ``dl_`` tell what happened; all others are the message's own. A value above 1 MiB is cut, and says so.
    """
    reason = mask_text(verdict.reason)[:_MAX_REASON].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    own: Headers = [(name, value or b"") for name, value in record.headers]
    value = record.value
    cut = value is not None and len(value) > _MAX_KEPT
    if value is not None and cut:
        value = value[:_MAX_KEPT]
    added: Headers = [
        ("dl_kind", verdict.kind.encode()),
        ("dl_reason", reason.encode()),
        ("dl_topic", record.topic.encode()),
        ("dl_partition", str(record.partition).encode()),
        ("dl_offset", str(record.offset).encode()),
        ("dl_group", group.encode()),
        ("dl_tries", str(verdict.tries).encode()),
        ("dl_version", VERSION.encode()),
    ]
    if cut:
        added.append(("dl_cut", b"true"))
    statement = (
        insert(dead_letters)
        .values(
            id=new_id(),
            consumer=group,
            event_id=event_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=value,
            headers=pack(own),
            kind=verdict.kind,
            reason=reason,
            tries=verdict.tries,
            version=VERSION,
        )
        .on_conflict_do_nothing(constraint="dead_letters_once")
    )
    await transaction.session.execute(statement)
    transaction.publish_record(OutgoingRecord(topic, record.key, value, own + added))
    transaction.after_commit(lambda: metrics.DEAD_LETTERS.labels(record.topic, group, verdict.kind).inc())
