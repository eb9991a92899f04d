"""Waiting for something to become true, with a deadline and a reason."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


class StillNot(AssertionError):
    """The condition did not become true in time; the message tells what was seen last."""


@overload
async def eventually(check: Callable[[], Awaitable[T]], *, within: float = 10.0, every: float = 0.1, about: str = "") -> T: ...
@overload
async def eventually(check: Callable[[], T], *, within: float = 10.0, every: float = 0.1, about: str = "") -> T: ...
async def eventually(check: Callable[[], Any], *, within: float = 10.0, every: float = 0.1, about: str = "") -> Any:
    """Call `check` until it returns something true, and return that.

    A check may be plain or async. One that raises an AssertionError (or any other error) has simply not come true
    yet; when the deadline passes, its last error or value is in the message.

    Args:
        check: The condition; its first true value is the result.
        within: Seconds until it counts as failed.
        every: Seconds between two calls.
        about: What is waited for, in words, for the message.

    Raises:
        StillNot: The deadline passed.
    """
    deadline = time.monotonic() + within
    seen: object = None
    while True:
        try:
            value = check()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
            seen = value
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is "not yet" until the deadline
            seen = error
        if time.monotonic() >= deadline:
            what = about or getattr(check, "__name__", "the condition")
            cause = seen if isinstance(seen, Exception) else None
            raise StillNot(f"after {within:g} s still not: {what}; last seen: {seen!r}") from cause
        await asyncio.sleep(every)


def wait_until(check: Callable[[], bool], *, within: float, every: float = 0.05) -> bool:
    """Block until `check` is true; return False when the deadline passed first. For starting parts."""
    deadline = time.monotonic() + within
    while not check():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True
