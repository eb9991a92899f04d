"""Records that stand in the outbox."""

import json
from dataclasses import dataclass

from shared.runtime.records import Headers, OutgoingRecord


@dataclass(frozen=True)
class OutboxRow:
    """A record that stands in the outbox under ``id``."""

    id: int
    record: OutgoingRecord

    @property
    def lane(self) -> tuple[str, bytes | None]:
        """What keeps its order: the records of one key on one topic."""
        return self.record.topic, self.record.key


def pack(headers: Headers) -> bytes:
    """Return headers as stored: JSON, values read as Latin-1 so that any bytes come back as they were."""
    return json.dumps([[name, value.decode("latin-1")] for name, value in headers]).encode("ascii")


def unpack(stored: bytes) -> Headers:
    """Return the headers that ``pack`` stored."""
    return [(name, value.encode("latin-1")) for name, value in json.loads(stored)]
