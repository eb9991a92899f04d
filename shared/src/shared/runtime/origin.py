"""Who wrote a message on a topic that programs outside may write to, too: one of our services, or anybody.

Our services sign what they write there with ``internal.key``; a header's ``ce_source`` alone proves nothing. The signature covers topic,
key, event id and value, so it fits no other message; the same message again is known to the inbox by its id.
"""

import hmac
from collections.abc import Mapping
from pathlib import Path

from shared.runtime.keyfile import encode, read_keys

HEADER = "flowtower-origin"


class Origin:
    """Signs messages of this installation and tells them from others."""

    def __init__(self, keys_dir: Path) -> None:
        """Read ``internal.key``; raises KeyFileBroken."""
        self._keys = [hmac.new(secret, digestmod="sha256") for secret in read_keys(keys_dir / "internal.key")]

    def sign(self, topic: str, key: bytes | None, event_id: str, value: bytes | None) -> tuple[str, bytes]:
        """Return the header that shows that the message is ours."""
        return HEADER, _signature(self._keys[0], _said(topic, key, event_id, value))

    def ours(self, headers: Mapping[str, bytes], topic: str, key: bytes | None, event_id: str, value: bytes | None) -> bool:
        """Whether the message was signed with one of our keys. ``headers`` by their lower-case names."""
        given = headers.get(HEADER)
        if not given:
            return False
        said = _said(topic, key, event_id, value)
        return any(hmac.compare_digest(_signature(keyed, said), given) for keyed in self._keys)


def _said(topic: str, key: bytes | None, event_id: str, value: bytes | None) -> bytes:
    said = b"flowtower-origin-v1"
    for part in (topic.encode(), key or b"", event_id.encode(), value or b""):
        said += b"%d:%b" % (len(part), part)
    return said


def _signature(keyed: hmac.HMAC, said: bytes) -> bytes:
    # A copy of what has taken the key in already: half the work of beginning with the key.
    signing = keyed.copy()
    signing.update(said)
    return encode(signing.digest()).encode()
