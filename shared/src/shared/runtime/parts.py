"""The shapes a service is put together from: parts with a life, and the checks that say whether it is ready."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class NotReady(Exception):
    """Raised by a readiness check; the text says why, for the person who reads ``/readyz``."""


class Away(Exception):
    """A dependency does not answer now and is expected back: wait, say so, try again."""


@runtime_checkable
class Part(Protocol):
    """Anything with a life. ``start`` may fail with ``Away`` and is then called again, so it leaves nothing half open."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@runtime_checkable
class Drains(Protocol):
    """A part that takes work: ``drain`` stops claiming and finishes what is in hand, while all other parts still live."""

    async def drain(self) -> None: ...


@runtime_checkable
class Checked(Protocol):
    """A part that knows whether it is ready; the service asks it under the part's name."""

    async def check(self) -> None: ...


Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class CheckResult:
    ok: bool
    reason: str = ""
    seconds: float = 0.0


class Readiness:
    """All checks of a service. Each is asked at every look, at once and with a limit, so an answer is never old."""

    def __init__(self, limit_seconds: float = 2.0) -> None:
        self._checks: dict[str, Check] = {}
        self._limit = limit_seconds
        self.stopping = False

    def add(self, name: str, check: Check) -> None:
        """Add a check; it raises NotReady with a reason, or returns. A second one of the same name replaces the first."""
        self._checks[name] = check

    async def _ask(self, check: Check) -> CheckResult:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._limit):
                await check()
        except (NotReady, Away) as why:
            return CheckResult(ok=False, reason=str(why), seconds=time.monotonic() - began)
        except TimeoutError:
            return CheckResult(ok=False, reason=f"no answer within {self._limit:g} s", seconds=self._limit)
        except Exception as error:  # noqa: BLE001  (a check that breaks is a check that fails, whatever it raised)
            return CheckResult(ok=False, reason=f"{type(error).__name__}: {error}", seconds=time.monotonic() - began)
        return CheckResult(ok=True, seconds=time.monotonic() - began)

    async def look(self) -> dict[str, CheckResult]:
        """Ask every check and return what each said."""
        names = list(self._checks)
        results = dict(zip(names, await asyncio.gather(*(self._ask(self._checks[name]) for name in names)), strict=True))
        if self.stopping:
            results["stopping"] = CheckResult(ok=False, reason="the service was asked to stop")
        return results
