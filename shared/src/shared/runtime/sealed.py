"""Secrets that only their user can read.

``SealingKey``/``OpeningKey``: credentials sealed by the gateway to the public key of the one service that uses them (libsodium
sealed box). The owner's id is inside, so what was sealed for one cluster does not open for another.
``Vault``: a service's own secrets at rest (AES-256-GCM), bound to table, row and column, so that rows can't be swapped.
Sealed form of both: ``v1.<key id>.<base64url>``.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from shared.runtime.keyfile import decode, encode, key_id, read_keys

_NONCE = 12


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
        identity, box = _parts(sealed)
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


def _parts(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    identity, dot, text = rest.partition(".")
    if version != "v1" or not dot:
        raise SealBroken("not a sealed value (v1.<key id>.<data>)")
    try:
        return identity, decode(text)
    except ValueError as error:
        raise SealBroken("the sealed value was changed or cut") from error


class Vault:
    """Seals a service's own secrets with the newest key of its file and opens those of all its keys."""

    def __init__(self, key_file: Path) -> None:
        keys = read_keys(key_file)
        self._newest = key_id(b"vault" + keys[0])
        self._keys = {key_id(b"vault" + key): AESGCM(key) for key in keys}

    @staticmethod
    def _place(table: str, row: str, column: str) -> bytes:
        return f"{table}:{row}:{column}".encode()

    def seal(self, table: str, id: str, column: str, data: bytes) -> str:  # noqa: A002  (the word of the design)
        """Return ``data`` sealed for this place alone."""
        nonce = os.urandom(_NONCE)
        return f"v1.{self._newest}.{encode(nonce + self._keys[self._newest].encrypt(nonce, data, self._place(table, id, column)))}"

    def open(self, table: str, id: str, column: str, sealed: str) -> bytes:  # noqa: A002
        """Return what was sealed for this place; raise SealBroken when it is something else."""
        identity, box = _parts(sealed)
        key = self._keys.get(identity)
        if key is None:
            raise SealBroken(f"sealed with key {identity}, which is not in the key file; restore the file")
        try:
            return key.decrypt(box[:_NONCE], box[_NONCE:], self._place(table, id, column))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"{table}.{column} of {id} was changed, or stems from another row") from error

    def is_newest(self, sealed: str) -> bool:
        """Whether ``sealed`` needs no sealing again after a rotation."""
        return _parts(sealed)[0] == self._newest
