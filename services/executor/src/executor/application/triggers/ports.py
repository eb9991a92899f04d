"""What triggers need of the world."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from executor.application.ports import Endpoint
from executor.domain.triggers.firing import Firing, NotFired
from executor.domain.triggers.message import Heard
from shared.contracts.workflows import Trigger

EVENT = "event"
"""Name of the trigger of kind event: it has none of its own, and a workflow has at most one."""

NOT_YET = "No executor listens to it yet. One takes it on within seconds while an executor runs."
LIMITED = "It has reached most_per_minute. Further messages wait in the topic until the next minute; none is lost."

GONE = "The topic's retention deleted them before they could be read. Keep messages for longer than executors may be away."


@dataclass(frozen=True, slots=True)
class TriggerRow:
    """A trigger of a workflow's newest version, and how it stands."""

    workflow_id: str
    workflow: str
    name: str
    version: int
    trigger: Trigger
    paused: bool
    trouble: str
    since: datetime
    from_start: bool = False
    """Its topic was not there when it began to listen: whatever is in it then is news."""
    next_at: datetime | None = None
    life: int = 0
    """How often it was gone and came back. Each time it begins anew, whatever it had read before."""

    @property
    def key(self) -> tuple[str, str]:
        return self.workflow_id, self.name

    @property
    def source(self) -> str:
        """What ``run.started`` says of where the run came from."""
        return self.trigger.kind if self.trigger.kind == EVENT else f"{self.trigger.kind}:{self.name}"


class NotOurs(Exception):
    """The trigger went to another executor, changed or is gone; nothing was written."""


class Listening(Protocol):
    """An open reader of a topic, without a group's rebalances: who reads is decided by the lease."""

    gone: int
    """Messages that the topic's retention deleted before they could be read."""

    async def read(self, most: int, seconds: float) -> list[Heard]:
        """Return the next messages; none after so many seconds."""

    async def commit(self, ends: Mapping[int, int]) -> None:
        """Commit partition → next offset."""

    async def pass_over(self) -> tuple[int, str]:
        """Go to the end and commit that; return how many messages were passed over, and the place of the last one."""

    async def look(self) -> None:
        """Find new partitions, and out whether the brokers answer; raises Trouble when they don't."""


@runtime_checkable
class Listens(Protocol):
    """A kind of endpoint whose messages can fire triggers."""

    def listen(self, endpoint: Endpoint, topic: str, *, group: str, from_start: bool) -> AbstractAsyncContextManager[Listening]:
        """Listen from where ``group`` has come to; a new group begins at the end, or ``from_start``."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a look at the clock decided for a schedule."""

    fire: Sequence[Firing]
    told: Sequence[NotFired]
    next_at: datetime | None
    trouble: str = ""


class Book(Protocol):
    """Triggers, who runs them, and their firings. All times are the database's."""

    async def declare_missing(self) -> None:
        """Enter the triggers of workflows that were published before triggers were kept here."""

    async def claim(self, epoch: int) -> None:
        """Take a fair share of the Kafka triggers that nobody alive runs; give back what is more than that."""

    async def mine(self, epoch: int) -> list[TriggerRow]: ...

    async def release(self, epoch: int) -> None: ...

    async def lately(self, key: tuple[str, str], seconds: float) -> int:
        """Return how many runs it asked for within the last seconds."""

    async def record(self, row: TriggerRow, epoch: int, fire: Sequence["Prepared"], told: Sequence[NotFired]) -> int:
        """In one transaction: enter new firings, ask for their runs, tell what happened. Raises NotOurs. Returns how many were new."""

    async def stand(self, row: TriggerRow, epoch: int, *, trouble: str, from_start: bool) -> None:
        """Write down how a trigger stands and tell it if that is new. Raises NotOurs."""

    async def take_due(self, decide: Callable[[TriggerRow, datetime], Decision]) -> bool:
        """Take one schedule whose time has come and do what ``decide`` says, in one transaction; False = none is due."""

    async def forget_old(self) -> None:
        """Drop firings that nobody can repeat any more."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A firing with the command that asks for its run, as bytes."""

    firing: Firing
    run_id: str
    command: bytes
