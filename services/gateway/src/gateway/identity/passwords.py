"""Passwords: argon2id, off the event loop, a bounded number at once."""

import asyncio
import contextlib
import ctypes
import secrets
import unicodedata
from functools import partial

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

MIN_LENGTH, MAX_LENGTH = 12, 200
AT_ONCE = 2
"""Hashes that are worked out at the same time: each takes 19 MiB and a core."""

_COMMON = frozenset({"passwordpassword", "password1234", "123456789012", "qwertyuiop12", "administrator", "flowtowerflowtower"})


_M_MMAP_THRESHOLD, _ONE_MEBIBYTE = -3, 1 << 20


def give_memory_back() -> None:
    """Have the C library hand large blocks back to the system at once.

    glibc raises its threshold after the first large block is freed, and then keeps the 19 MiB of every hash for good.
    Elsewhere than on glibc there is no such switch, and nothing happens.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _ONE_MEBIBYTE)


class Passwords:
    """Hashes and verifies. Parameters: argon2id, 19 MiB, two passes, one lane (OWASP's Password Storage Cheat Sheet)."""

    def __init__(self) -> None:
        give_memory_back()
        self._hash = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash that is kept."""
        async with self._slots:
            return await asyncio.to_thread(self._hash.hash, _plain(password))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Say whether it is the password. ``None``: there is no such user, which takes as long to find out."""
        if len(password) > MAX_LENGTH:
            password = password[:MAX_LENGTH] + "\N{REPLACEMENT CHARACTER}"
        async with self._slots:
            if self._nobody is None:
                self._nobody = await asyncio.to_thread(self._hash.hash, secrets.token_hex(16))
            right = await asyncio.to_thread(partial(self._hash.verify, _plain(password), hashed or self._nobody))
        return right and hashed is not None

    @staticmethod
    def weakness(password: str, *, name: str = "") -> str | None:
        """Say what is wrong with a new password, or None. Length is what counts; no rules about signs."""
        if len(password) < MIN_LENGTH:
            return f"The password has {len(password)} characters; it needs at least {MIN_LENGTH}. A few words in a row are good."
        if len(password) > MAX_LENGTH:
            return f"The password is longer than {MAX_LENGTH} characters."
        if password.lower() in _COMMON or len(set(password)) < 4 or (name and password.lower() == name.lower()):
            return "This password is among the first that are tried. Take a few words that only you put together."
        return None


def _plain(password: str) -> str:
    """One form for what looks the same, however the keyboard composed it."""
    return unicodedata.normalize("NFKC", password)
