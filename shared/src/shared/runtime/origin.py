"""Who wrote a message on a topic that programs outside may write to, too: one of our services, or anybody.

Our services sign what they write there with ``internal.key``; a header's ``ce_source`` alone proves nothing. The signature covers topic,
key, event id and value, so it fits no other message; the same message again is known to the inbox by its id.
"""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from shared.runtime.keyfile import decode, encode, read_keys

HEADER = "flowtower-origin"


class Origin:
    """Signs messages of this installation and tells them from others."""

    def __init__(self, keys_dir: Path) -> None:
        """Read ``internal.key``; raises KeyFileBroken."""
        self._keys = read_keys(keys_dir / "internal.key")

    def sign(self, topic: str, key: bytes | None, event_id: str, value: bytes | None) -> tuple[str, bytes]:
        """Return the header that shows that the message is ours."""
        return HEADER, encode(_digest(self._keys[0], topic, key, event_id, value)).encode()

    def ours(self, headers: Mapping[str, bytes], topic: str, key: bytes | None, event_id: str, value: bytes | None) -> bool:
        """Whether the message was signed with one of our keys. ``headers`` by their lower-case names."""
        try:
            given = decode(headers.get(HEADER, b"").decode("ascii"))
        except ValueError:
            return False
        return any(hmac.compare_digest(_digest(secret, topic, key, event_id, value), given) for secret in self._keys)


def _digest(secret: bytes, topic: str, key: bytes | None, event_id: str, value: bytes | None) -> bytes:
    said = b"flowtower-origin-v1"
    for part in (topic.encode(), key or b"", event_id.encode(), value or b""):
        said += b"%d:" % len(part) + part
    return hmac.digest(secret, said, hashlib.sha256)
