"""What connectors offer and what they are given: the seam between the engine and the systems it works on."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from shared.contracts.endpoints import EndpointLimits
from shared.contracts.kinds import carries
from shared.contracts.workflows import Component, Connection


class Trouble(Exception):
    """An attempt did not succeed. ``code`` is a stable word, ``message`` a sentence with the way out.

    A finer word may stand behind a colon, for error classes to name: ``HttpStatus:503``.
    """

    retryable = False

    def __init__(self, code: str, message: str, *, answer: str = "", after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.answer = answer  # what the other side said, bounded
        self.after = after  # seconds that the other side asked us to wait
        self.of_source = False  # it was what is read from that failed, and not the component's own endpoint


class Retryable(Trouble):
    """Another attempt may succeed without anybody changing the workflow."""

    retryable = True


class Permanent(Trouble):
    """No further attempt can succeed until somebody changes something."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A named system with its options and its opened secrets; only ever in memory."""

    endpoint_id: str
    name: str
    kind: str
    options: Any
    secrets: Any = field(repr=False)
    limits: EndpointLimits = field(default_factory=EndpointLimits)


@dataclass(slots=True)
class Place:
    """A component with what it needs: checked options, its endpoint, and its output once it has finished."""

    component: Component
    options: Any
    endpoint: Endpoint | None
    output: dict[str, Any] = field(default_factory=dict)
    generation: int = 1

    @property
    def system(self) -> Endpoint:
        """The endpoint, for kinds that can't do without."""
        if self.endpoint is None:
            raise Permanent("EndpointMissing", f"“{self.component.name}” names no endpoint. Add endpoint: to it.")
        return self.endpoint


def _unheard(_text: str) -> None:
    return


@dataclass(slots=True)
class Work:
    """One attempt of one component."""

    run_id: str
    place: Place
    attempt: int
    idempotency_key: str
    traceparent: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    sources: tuple[tuple[Connection, Place], ...] = ()
    say: Callable[[str], None] = _unheard
    """Tells people in a sentence what the attempt waits for; at most one a second is kept."""

    @property
    def name(self) -> str:
        return self.place.component.name

    @property
    def feeds(self) -> tuple[tuple[Connection, Place], ...]:
        """The sources whose messages go along their connection; the others only come first."""
        return feeds_of(self.sources)

    def origin(self, source: Place) -> str:
        """Return what the names of messages from a source begin with: of several sources each has names of its own."""
        prefix = f"{self.run_id}:{self.name}:{self.place.generation}"
        return prefix if len(self.feeds) < 2 else f"{prefix}:{source.component.name}"


def feeds_of(sources: tuple[tuple[Connection, Place], ...]) -> tuple[tuple[Connection, Place], ...]:
    """Return the sources whose messages go along their connection."""
    return tuple((connection, place) for connection, place in sources if carries(connection.kind))


@dataclass(slots=True)
class Message:
    """One message under way, bytes as they were found."""

    body: bytes
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    lane: int  # partition; 0 for a queue
    offset: int  # within its lane; for a queue the number of the delivery
    origin: str  # its name at the source, by which it is known again when it is delivered again
    name: str  # its name from here on, the same at each sending: run, component, generation and where it came from
    timestamp_ms: int | None = None
    redelivered: bool = False
    named: bool = True  # whether its origin is the same when it is delivered again
    token: Any = None  # the reader's own


@dataclass(slots=True)
class Outcome:
    """What a successful attempt leaves behind."""

    output: dict[str, Any]
    transfer: dict[str, Any] | None = None
    message: str = ""


class Reader(Protocol):
    """Reads a source from where a checkpoint stands."""

    total: int | None
    """How many messages there are to read in all, when that is known."""

    async def read(self, most: int) -> list[Message]:
        """Return the next messages, at most so many; none means the end."""

    async def done(self, messages: Sequence[Message]) -> None:
        """Let go of messages that are safe elsewhere."""

    def skip(self, count: int) -> None:
        """Don't count the messages returned last: they were counted before the last stop."""


class Writer(Protocol):
    """Writes to a target, in the order given."""

    async def send(self, messages: Sequence[Message]) -> "asyncio.Future[Any]":
        """Hand messages over; the answer resolves when the target has confirmed all of them."""

    def wrote(self) -> dict[str, Any]:
        """Return what a follower needs to find what was written."""


class Caller(Protocol):
    """Calls a service."""

    async def call(self, body: bytes, *, key: str, headers: dict[str, str], content_type: str) -> None:
        """Make one call; return when the service has accepted it."""


@runtime_checkable
class Begins(Protocol):
    """A kind whose component can stand at the beginning: looks at what is there. Its output tells followers what to take."""

    async def begin(self, work: Work) -> Outcome: ...


@runtime_checkable
class Acts(Protocol):
    """A kind that does one thing, whatever is connected to it."""

    async def act(self, work: Work) -> Outcome: ...


@runtime_checkable
class Reads(Protocol):
    def reader(self, work: Work, source: Place, resume: dict[int, int]) -> AbstractAsyncContextManager[Reader]:
        """Open ``source``; ``resume`` is lane → next offset."""


@runtime_checkable
class Writes(Protocol):
    def writer(self, work: Work) -> AbstractAsyncContextManager[Writer]: ...


@runtime_checkable
class Calls(Protocol):
    def caller(self, work: Work, *, calls: int = 1) -> AbstractAsyncContextManager[Caller]:
        """Give what makes the calls of one attempt, so many ``calls`` at a time."""


class Connector(Protocol):
    """What every kind has; the abilities above come on top."""

    kind: str

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        """Try the endpoint; return what was learnt, or raise Retryable or Permanent."""


@dataclass(slots=True)
class Checkpoint:
    """How far a transfer has got, see the table ``checkpoints``."""

    confirmed: dict[int, int] = field(default_factory=dict)  # lane → next offset to read
    announced: dict[int, int] = field(default_factory=dict)  # lane → end of what may have been sent
    recent: list[str] = field(default_factory=list)  # origins that landed last, for sources that can't seek
    flight: list[str] = field(default_factory=list)  # origins that may have been sent, for sources that can't seek
    read: int = 0
    moved: int = 0
    bytes: int = 0
    duplicates: int = 0
    wrote: dict[str, Any] = field(default_factory=dict)


class StaleEpoch(Exception):
    """The run belongs to another executor by now; nothing was changed."""


class Checkpoints(Protocol):
    """Checkpoints of transfers, written under the epoch of the executor that owns the run."""

    async def load(self, run_id: str, component: str, generation: int, source: str) -> Checkpoint | None: ...

    async def save(self, run_id: str, component: str, generation: int, source: str, checkpoint: Checkpoint) -> None:
        """Raise StaleEpoch when the run went to another executor."""
