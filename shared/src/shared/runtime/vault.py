"""A service's own secrets at rest (AES-256-GCM), bound to table, row and column, so that rows can't be swapped.

It stands apart from ``sealed`` because the library of its cipher takes 7 MB of memory, and every service seals or opens.
Sealed form: ``v1.<key id>.<base64url>``.
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.runtime.keyfile import encode, key_id, read_keys
from shared.runtime.sealed import SealBroken, parts

_NONCE = 12


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
        identity, box = parts(sealed)
        key = self._keys.get(identity)
        if key is None:
            raise SealBroken(f"sealed with key {identity}, which is not in the key file; restore the file")
        try:
            return key.decrypt(box[:_NONCE], box[_NONCE:], self._place(table, id, column))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"{table}.{column} of {id} was changed, or stems from another row") from error

    def is_newest(self, sealed: str) -> bool:
        """Whether ``sealed`` needs no sealing again after a rotation."""
        return parts(sealed)[0] == self._newest
