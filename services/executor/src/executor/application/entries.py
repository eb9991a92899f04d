"""What is written to the journal together, and the ports through which the engine writes and reads it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from executor.application.active import Active
from executor.domain.events import Event

RUN_LIMIT = ""
"""Stands among the planned attempts, in the place of a component's name, for the end of the run's own time."""


@dataclass(slots=True)
class Entry:
    """Events of one run that were decided together, and what changes with them in the same transaction."""

    run_id: str
    first: int
    last: int
    lines: list[bytes]  # the events as JSON, in order
    kinds: list[str]
    lane: int  # partition of the outcomes' topic
    traceparent: bytes | None = None
    opened: tuple[str, str, int] | None = None  # a new run: workflow id, name, version
    command: tuple[str, str] | None = None  # the command behind a new run: event id and position
    status: str | None = None  # the run's new status; a terminal one also lets go of it
    version: int | None = None  # the version that a run goes on in
    waits: Sequence[tuple[str, datetime]] = ()  # planned attempts, and RUN_LIMIT: the end of the run's time
    woken: Sequence[str] = ()  # those of them that are over
    waits_for_turn: int | None = None  # the run is queued, with this priority
    leaves: bool = False  # the run may have a turn of its workflow to give back
    request: int | None = None  # the request that this answers
    active: Active | None = None  # the run in memory, and the events that the lines are: for who is told
    events: Sequence[Event] = ()
    committed: "Callable[[Entry], None] | None" = None  # told once the entry stands
    refused: "Callable[[Entry], None] | None" = None  # told when the journal holds something else in its place


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as it stands in the tables."""

    run_id: str
    workflow_id: str
    version: int
    status: str
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """A command to a run that exists."""

    id: int
    run_id: str
    external: bool
    body: str


@dataclass(frozen=True, slots=True)
class Leftover:
    """An entry whose events Kafka may not have."""

    run_id: str
    lines: list[bytes]


class Conflict(Exception):
    """The journal already holds something where an entry of the batch would stand. Nothing was changed."""


class Journal(Protocol):
    """The tables of runs. Every write names the epoch and raises StaleEpoch when it is over."""

    async def join(self, instance: str, host: str, lease: float) -> tuple[int, datetime]:
        """Begin a life: end earlier ones of the same instance; return the epoch and the database's time."""

    async def commit(self, epoch: int, batch: int, published: int, lease: float, entries: Sequence[Entry]) -> None:
        """Write all entries in one transaction, or none; raise Conflict or StaleEpoch."""

    async def stands(self, epoch: int, batch: int) -> bool:
        """Return whether this batch of a living epoch was committed: its number stands in the same transaction as its entries."""

    async def renew(self, epoch: int, published: int, lease: float) -> datetime:
        """Hold on; return the database's time."""

    async def retire(self, epoch: int) -> None:
        """End this life, so that others need not wait for the lease."""

    async def inherit(self, epoch: int) -> int | None:
        """End lives whose lease is over, and claim one that nobody has settled; None when there is none."""

    async def leftovers(self, dead: int) -> list[Leftover]: ...

    async def busy(self, dead: int) -> list[str]:
        """Return the runs of the dead epoch that have no planned attempt, the oldest first: what was under way is among them."""

    async def adopt(self, dead: int, epoch: int, run_ids: Sequence[str]) -> list[str]:
        """Take over those of these runs that are still the dead epoch's; return their ids, the oldest first."""

    async def settle(self, dead: int, epoch: int) -> None:
        """Take over all other runs of the dead epoch, a bounded number in one transaction."""

    async def waiting(self, epoch: int, after: str, most: int) -> list[str]:
        """Return ids behind ``after``, in their order, of runs of this epoch that have a planned attempt."""

    async def load(self, run_ids: Sequence[str]) -> list[Stored]: ...

    async def claim(self, epoch: int, run_id: str) -> bool:
        """Own a run that nobody owns; False when somebody else does."""

    async def news(self, epoch: int, within: float) -> tuple[float | None, bool]:
        """Return in how many seconds the next planned attempt is due (None: not within so many), and whether a request waits."""

    async def due(self, epoch: int, most: int) -> list[tuple[str, str]]:
        """Return (run, component) of planned attempts whose time has come; RUN_LIMIT as the component is the run's own limit."""

    async def forget(self, run_id: str, component: str) -> None:
        """Drop a planned attempt that has no meaning any more."""

    async def requests(self, epoch: int, most: int) -> list[Request]: ...

    async def seen(self, consumer: str, event_ids: Sequence[str], run_ids: Sequence[str]) -> tuple[set[str], set[str]]:
        """Return which events were handled before, and which runs exist: one look for a whole batch."""

    async def existing(self, run_ids: Sequence[str]) -> set[str]: ...


class Outcomes(Protocol):
    """Publishes what stands in the journal, in order."""

    published: int
    """All batches up to this number are acknowledged."""

    def begin(self) -> None:
        """Begin to count anew: the executor lives under a new epoch."""

    def offer(self, batch: int, entries: Sequence[Entry]) -> None: ...

    async def republish(self, leftovers: Sequence[Leftover]) -> None:
        """Send what a dead executor may not have sent; return when it is acknowledged."""
