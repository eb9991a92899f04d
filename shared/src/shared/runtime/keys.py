"""``python -m shared.runtime.keys DIR [--rotate NAME]``: makes the key files that are missing; never changes one unasked.

Pairs ``<service>.key``/``.pub`` seal credentials to one service. ``internal.key`` signs the calls between services, ``gateway.key``
seals the gateway's own secrets. Rotation puts a new key in front; old ones stay so that what they sealed still opens.
Give each service only what it needs: all get ``internal.key``, the gateway the ``.pub`` files and ``gateway.key``,
the others their own ``.key``.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

from nacl.public import PrivateKey

from shared.runtime.keyfile import encode, key_id, read_keys

PAIRS = ("cluster-poller", "executor", "alerter")
SINGLE = ("internal", "gateway")


def _write(path: Path, keys: list[bytes], mode: int) -> None:
    """Write whole or not at all, and readable for its owner alone where it is secret."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as file:
            file.write("".join(f"{encode(key)}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _pair(directory: Path, name: str, *, rotate: bool) -> bool:
    secret, public = directory / f"{name}.key", directory / f"{name}.pub"
    old = read_keys(secret) if secret.exists() else []
    if old and not rotate and public.exists():
        return False
    keys = old if old and not rotate else [bytes(PrivateKey.generate()), *old]
    _write(secret, keys, 0o600)
    _write(public, [bytes(PrivateKey(key).public_key) for key in keys], 0o644)
    return True


def _single(directory: Path, name: str, *, rotate: bool) -> bool:
    path = directory / f"{name}.key"
    old = read_keys(path) if path.exists() else []
    if old and not rotate:
        return False
    _write(path, [secrets.token_bytes(32), *old], 0o600)
    return True


def make(directory: Path, *, rotate: str | None = None) -> list[str]:
    """Make what is missing in ``directory``, rotate the named key, and return the names that changed."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    changed = [name for name in PAIRS if _pair(directory, name, rotate=name == rotate)]
    return changed + [name for name in SINGLE if _single(directory, name, rotate=name == rotate)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.keys", description="Makes the key files that are missing.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rotate", choices=(*PAIRS, *SINGLE), help="put a new key in front of this one")
    given = parser.parse_args(arguments)
    changed = make(given.directory, rotate=given.rotate)
    names = [f"{name} ({key_id(read_keys(given.directory / f'{name}.pub')[0])})" if name in PAIRS else name for name in changed]
    sys.stdout.write(f"{given.directory}: {'made ' + ', '.join(names) if names else 'all keys are there'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
