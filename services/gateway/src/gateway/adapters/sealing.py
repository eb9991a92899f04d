"""Seals secrets to the public keys of the services that use them; the gateway holds no key that opens them."""

from pathlib import Path

from shared.runtime.sealed import SealingKey


class SealToServices:
    """The port Sealer over the key files."""

    def __init__(self, keys_dir: Path) -> None:
        self._folder = keys_dir
        self._keys: dict[str, SealingKey] = {}

    def seal(self, service: str, secret: bytes, *, owner: str) -> str:
        """Seal to a service. The key file is read at the first use."""
        key = self._keys.get(service)
        if key is None:
            key = self._keys[service] = SealingKey.from_file(self._folder / f"{service}.pub")
        return key.seal(secret, owner=owner)
