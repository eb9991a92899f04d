"""What an endpoint lets through: attempts at once, a breaker, and a budget for retries. Pure; times come from outside.

Nothing is refused here. What may not go on is held, and the answer says by which limit and until when.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from executor.domain.turns import Lane, Turns, take
from shared.contracts.endpoints import EndpointLimits

Limit = Literal["concurrency", "breaker", "retry_budget"]

_BURST = 6
"""A sixth of a minute's retries may be made at once; the rest comes evenly. So no minute sees more than 7/6 of the budget."""


class Verdict(Enum):
    """What the end of an attempt says about its endpoint."""

    ANSWERED = "answered"  # it did its work, or gave a final answer: it is there
    FAILED = "failed"  # a failure that may pass
    NOTHING = "nothing"  # the attempt was stopped, or ended without any doing of its endpoint, see ``verdicts``


@dataclass(frozen=True, slots=True)
class Hold:
    """Why attempts wait, and until when if that is known."""

    limit: Limit
    until: datetime | None = None
    most: int = 0  # the limit's figure: attempts at once, failures in a row, retries a minute


@dataclass(frozen=True, slots=True)
class Grant:
    """An attempt that goes on. ``trial``: it finds out whether an endpoint works again."""

    run_id: str
    component: str
    trial: bool = False


@dataclass(slots=True)
class Gate:
    """How an endpoint stands."""

    failures: int = 0  # in a row
    opened_until: datetime | None = None  # the breaker is open; from then on one attempt tries
    tokens: float | None = None  # retries that may be made now; None = a full bucket
    filled_at: datetime | None = None
    turns: Turns = field(default_factory=Turns)

    # ── attempts end ────────────────────────────────────────────────────────────────────────────────────────────────

    def ended(self, limits: EndpointLimits, now: datetime, verdict: Verdict, *, trial: bool) -> Literal["opened", "closed"] | None:
        """Take in how an attempt ended; return what that did to the breaker."""
        breaker = limits.breaker
        if breaker is None:
            self.failures, self.opened_until = 0, None
            return None
        if self.opened_until is not None:
            # Only the one that was let through to try counts; the others were under way before it opened.
            if not trial or verdict is Verdict.NOTHING:
                return None
            if verdict is Verdict.ANSWERED:
                self.failures, self.opened_until = 0, None
                return "closed"
            self.failures += 1
            self.opened_until = now + timedelta(seconds=breaker.open_for)
            return "opened"
        if verdict is Verdict.ANSWERED:
            self.failures = 0
        elif verdict is Verdict.FAILED:
            self.failures += 1
            if self.failures >= breaker.failures:
                self.opened_until = now + timedelta(seconds=breaker.open_for)
                return "opened"
        return None

    # ── attempts go on ──────────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, limits: EndpointLimits, now: datetime, lanes: Sequence[Lane], *, taken: int, trying: bool) -> list[Grant]:
        """Return which of the waiting attempts go on, in order; ``taken`` are under way, ``trying``: one of them is a trial."""
        self._refill(limits, now)
        self.turns.join({lane.workflow_id for lane in lanes})
        grants: list[Grant] = []
        while self.hold(limits, now, retry=False, taken=taken, trying=trying) is None:
            retries = self.hold(limits, now, retry=True, taken=taken, trying=trying) is None
            lane = self.turns.next([lane for lane in lanes if retries or not lane.retry])
            if lane is None:
                break
            trial = limits.breaker is not None and self.opened_until is not None
            grants.append(Grant(*take(lane), trial))
            taken += 1
            trying = trying or trial
            if lane.retry and self.tokens is not None:
                self.tokens -= 1
        return grants

    def hold(self, limits: EndpointLimits, now: datetime, *, retry: bool, taken: int, trying: bool) -> Hold | None:
        """Return what holds an attempt now; None when it may go on."""
        breaker = limits.breaker
        if breaker is not None and self.opened_until is not None and (trying or now < self.opened_until):
            return Hold("breaker", None if trying else self.opened_until, breaker.failures)
        if limits.concurrency is not None and taken >= limits.concurrency:
            return Hold("concurrency", None, limits.concurrency)
        if retry and limits.retry_budget is not None and self.tokens is not None and self.tokens < 1:
            wait = (1 - self.tokens) * 60 / limits.retry_budget
            return Hold("retry_budget", now + timedelta(seconds=wait), limits.retry_budget)
        return None

    def _refill(self, limits: EndpointLimits, now: datetime) -> None:
        budget = limits.retry_budget
        if budget is None:
            self.tokens = self.filled_at = None
            return
        full = max(1.0, budget / _BURST)
        if self.tokens is None or self.filled_at is None:
            self.tokens = full
        else:
            passed = max(0.0, (now - self.filled_at).total_seconds())
            self.tokens = min(full, self.tokens + passed * budget / 60)
        self.filled_at = now


def limited(limits: EndpointLimits) -> bool:
    """Whether attempts on an endpoint have to ask at all."""
    return limits.concurrency is not None or limits.breaker is not None or limits.retry_budget is not None


def sentence(endpoint: str, hold: Hold) -> str:
    """Return a hold in words, with the way out."""
    at = "" if hold.until is None else f" at {hold.until:%H:%M:%S} UTC"
    if hold.limit == "breaker":
        if hold.until is None:
            return f"The breaker of “{endpoint}” is open: one attempt is finding out whether it works again. Retry now does not pass it."
        return (
            f"The breaker of “{endpoint}” is open after {hold.most} or more failures in a row:"
            f" nothing calls it until one attempt tries{at}. Retry now does not pass it."
        )
    if hold.limit == "concurrency":
        return f"“{endpoint}” has {hold.most} attempts at once, which is its limit; this one has its turn when one of them ends."
    return f"The retries of “{endpoint}” are used up ({hold.most} a minute); the next may be made{at}. Retry now passes this limit."
