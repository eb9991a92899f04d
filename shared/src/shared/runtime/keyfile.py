"""Key files: one key per line, base64url, newest first. Old lines stay as long as something sealed with them exists."""

import base64
import binascii
import hashlib
from pathlib import Path


class KeyFileBroken(Exception):
    """A key file that is missing or not what it should be; the text names the file and the way out."""


def key_id(public: bytes) -> str:
    """Return the short name of a key that stands in front of what it sealed. It tells nothing about the key."""
    return hashlib.blake2b(public, digest_size=6, person=b"flowtower-key-id"[:16]).hexdigest()


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Undo ``encode``; raise ValueError for anything else."""
    if not text.isascii() or not set(text) <= _ALPHABET:
        raise ValueError("not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error


_ALPHABET = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def read_keys(path: Path) -> list[bytes]:
    """Return the 32-byte keys of a file, newest first."""
    try:
        lines = [line.strip() for line in path.read_text("ascii").splitlines()]
    except FileNotFoundError as error:
        raise KeyFileBroken(f"{path} is missing; python -m shared.runtime.keys {path.parent} makes it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileBroken(f"{path} can't be read: {error}") from error
    keys = []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        try:
            key = decode(line)
        except ValueError as error:
            raise KeyFileBroken(f"{path}, line {number}: no base64url key") from error
        if len(key) != 32:
            raise KeyFileBroken(f"{path}, line {number}: a key has 32 bytes, this one {len(key)}")
        keys.append(key)
    if not keys:
        raise KeyFileBroken(f"{path} holds no key; python -m shared.runtime.keys {path.parent} makes one after the empty file is gone")
    return keys
