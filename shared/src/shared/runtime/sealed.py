"""Secrets that only their user can read.

``SealingKey``/``OpeningKey``: credentials sealed by the gateway to the public key of the one service that uses them (libsodium
sealed box). The owner's id is inside, so what was sealed for one cluster does not open for another.
Sealed form: ``v1.<key id>.<base64url>``, as in ``vault``, which keeps a service's own secrets.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from shared.runtime.keyfile import decode, encode, key_id, read_keys

SEPARATOR = " "
"""Stands between values that were sealed one by one and belong together."""


class SealBroken(Exception):
    """What should be sealed is no such thing, was changed, or was sealed to a key that is not here."""


class SealedForAnother(Exception):
    """A good seal, made for another owner than the one that asks."""


@dataclass(frozen=True)
class SealingKey:
    """A public key: seals, can't open."""

    key: PublicKey

    @classmethod
    def from_file(cls, path: Path) -> "SealingKey":
        """Read the newest key of a ``.pub`` file."""
        return cls(PublicKey(read_keys(path)[0]))

    def seal(self, data: bytes, *, owner: str) -> str:
        """Return ``data`` sealed for ``owner``, for example a cluster's or an endpoint's id."""
        name = owner.encode()
        if not 0 < len(name) < 65_536:
            raise ValueError("owner: an id of 1 to 65535 bytes is needed")
        return f"v1.{key_id(bytes(self.key))}.{encode(SealedBox(self.key).encrypt(len(name).to_bytes(2) + name + data))}"


@dataclass(frozen=True)
class OpeningKey:
    """Private keys, newest first: open what was sealed to any of them."""

    keys: dict[str, PrivateKey]

    @classmethod
    def from_file(cls, path: Path) -> "OpeningKey":
        """Read all keys of a ``.key`` file."""
        keys = [PrivateKey(key) for key in read_keys(path)]
        return cls({key_id(bytes(key.public_key)): key for key in keys})

    def open(self, sealed: str, *, owner: str) -> bytes:
        """Return what was sealed for ``owner``; raise SealBroken or SealedForAnother."""
        identity, box = parts(sealed)
        key = self.keys.get(identity)
        if key is None:
            raise SealBroken(f"sealed to key {identity}, which is not here; enter the credentials again or restore the key file")
        try:
            plain = SealedBox(key).decrypt(box)
        except (CryptoError, ValueError, TypeError) as error:
            raise SealBroken("the sealed value was changed or cut") from error
        length = int.from_bytes(plain[:2])
        if len(plain) < 2 + length:
            raise SealBroken("the sealed value names no owner")
        if plain[2 : 2 + length] != owner.encode():
            raise SealedForAnother(f"the credentials were not sealed for {owner}")
        return plain[2 + length :]

    def open_texts(self, sealed: str, *, owner: str) -> dict[str, str]:
        """Return the texts by name out of one or several sealed JSON objects; raise SealBroken or SealedForAnother."""
        texts: dict[str, str] = {}
        for value in sealed.split(SEPARATOR):
            try:
                found = json.loads(self.open(value, owner=owner))
            except ValueError:
                found = None
            if not isinstance(found, dict):
                raise SealBroken("what was sealed is no JSON object")
            texts |= found
        return texts


def parts(sealed: str) -> tuple[str, bytes]:
    """Return the key id and the sealed bytes of a sealed value; raise SealBroken when it is none."""
    version, _, rest = sealed.partition(".")
    identity, dot, text = rest.partition(".")
    if version != "v1" or not dot:
        raise SealBroken("not a sealed value (v1.<key id>.<data>)")
    try:
        return identity, decode(text)
    except ValueError as error:
        raise SealBroken("the sealed value was changed or cut") from error
