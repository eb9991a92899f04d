"""Move messages from a reader to a writer, window by window, so that a stop at any point loses nothing.

A window is announced in the checkpoint before it is sent, and its end becomes the checkpoint after the target confirmed it.
What stands between the two after a crash is sent again and counted as possibly there twice.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from executor.application.ports import (
    Checkpoint,
    Checkpoints,
    Connector,
    Message,
    Permanent,
    Place,
    Reader,
    Reads,
    Trouble,
    Work,
    Writer,
    Writes,
)

WINDOW = 500
"""Messages that are sent and confirmed together; two windows are under way at once."""

_FLYING = 2
_RECENT = 4 * WINDOW

Save = Callable[[], Awaitable[None]]
Report = Callable[[dict[str, Any]], None]
"""Told how far the transfer has got, after every confirmed window."""


@dataclass(slots=True)
class _Window:
    messages: list[Message]
    answer: "asyncio.Future[Any]"


@dataclass(slots=True)
class Tally:
    """How far the sources of a component have been moved in all; what the component reports."""

    report: Report
    began: float = field(default_factory=time.monotonic)
    total: int | None = 0
    here: int = 0  # moved by this attempt
    parts: dict[str, Checkpoint] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        parts = self.parts.values()
        passed = time.monotonic() - self.began
        return {
            "read": sum(part.read for part in parts),
            "confirmed": sum(part.moved for part in parts),
            "total": self.total,
            "bytes": sum(part.bytes for part in parts),
            "duplicates_possible": sum(part.duplicates for part in parts),
            "per_second": round(self.here / passed, 1) if passed > 0.001 and self.here else None,
        }

    def moved(self, count: int) -> None:
        self.here += count
        self.report(self.wire())


async def transfer(work: Work, connectors: dict[str, Connector], checkpoints: Checkpoints, report: Report) -> tuple[dict[str, Any], Tally]:
    """Move what all sources of the component hold; return the component's output and the tally."""
    target = connectors[work.place.component.kind]
    if not isinstance(target, Writes):
        raise Permanent("NotWritable", f"Nothing can be written to components of the kind “{target.kind}”.")
    tally = Tally(report)
    wrote: dict[str, Any] = {}
    for _, source in work.feeds:
        connector = connectors[source.component.kind]
        if not isinstance(connector, Reads):
            raise Permanent("NotReadable", f"Components of the kind “{connector.kind}” cannot be read.")
        found = await _one(work, source, connector, target, checkpoints=checkpoints, tally=tally)
        wrote = merged(wrote, found)
    moved = sum(part.moved for part in tally.parts.values())
    origin = f"{work.run_id}:{work.name}:{work.place.generation}:"
    return wrote | {"messages": moved, "origin": origin}, tally


async def _one(work: Work, source: Place, reads: Reads, writes: Writes, *, checkpoints: Checkpoints, tally: Tally) -> dict[str, Any]:
    name = source.component.name
    place = (work.run_id, work.name, work.place.generation, name)
    checkpoint = await checkpoints.load(*place) or Checkpoint()
    tally.parts[name] = checkpoint
    async with reading(reads, work, source, checkpoint) as reader, writes.writer(work) as writer:
        tally.total = None if tally.total is None or reader.total is None else tally.total + reader.total

        before = checkpoint.wrote

        async def save() -> None:
            checkpoint.wrote = merged(before, writer.wrote())
            await checkpoints.save(*place, checkpoint)

        await _move(reader, writer, checkpoint, save, tally)
        await save()
    return checkpoint.wrote


@contextlib.asynccontextmanager
async def reading(reads: Reads, work: Work, source: Place, checkpoint: Checkpoint) -> AsyncIterator[Reader]:
    """Open a source behind its checkpoint; troubles of its own say that they are the source's."""
    async with contextlib.AsyncExitStack() as stack:
        with _of_source():
            reader = await stack.enter_async_context(reads.reader(work, source, dict(checkpoint.confirmed)))
        yield reader


@contextlib.contextmanager
def _of_source() -> Iterator[None]:
    try:
        yield
    except Trouble as trouble:
        trouble.of_source = True
        raise


async def _move(reader: Reader, writer: Writer, checkpoint: Checkpoint, save: Save, tally: Tally) -> None:
    seen = Seen(checkpoint)
    flying: deque[_Window] = deque()
    try:
        batch = await unseen(reader, seen, WINDOW)
        while batch or flying:
            landed: Sequence[Message] = ()
            if len(flying) == _FLYING or not batch:
                # A cancel of ours must not end this window before the next one, see below.
                await asyncio.shield(flying[0].answer)
                landed = flying.popleft().messages
                confirm(checkpoint, landed)
            if batch:
                seen.announce(checkpoint, batch)
            checkpoint.read = checkpoint.moved + sum(len(window.messages) for window in flying) + len(batch)
            # One commit says what has landed and what may be sent next; only then is either acted on.
            await save()
            if landed:
                await reader.done(landed)
                tally.moved(len(landed))
            if batch:
                flying.append(_Window(batch, await writer.send(batch)))
                batch = await unseen(reader, seen, WINDOW)
    finally:
        # All at once: while one window ended, the next one would go on sending behind messages that the first did not send any more.
        for window in flying:
            window.answer.cancel()
        for window in flying:
            with contextlib.suppress(BaseException):
                await window.answer


class Seen:
    """What an earlier attempt may have sent already, from the checkpoint that it left."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._ends = dict(checkpoint.announced)
        self._flight = set(checkpoint.flight)
        self.recent = frozenset(checkpoint.recent)

    def announce(self, checkpoint: Checkpoint, batch: Sequence[Message]) -> None:
        """Put in the checkpoint that these may be sent from now on, and count those that may have been sent before."""
        for message in batch:
            if message.token is None:
                checkpoint.duplicates += message.offset < self._ends.get(message.lane, 0)
                checkpoint.announced[message.lane] = max(checkpoint.announced.get(message.lane, 0), message.offset + 1)
            else:
                # A queue has no offsets: its messages are known by name, and one without a name by being delivered again.
                checkpoint.duplicates += message.redelivered and (message.origin in self._flight or not message.named)
                checkpoint.flight.append(message.origin)


async def unseen(reader: Reader, seen: Seen, most: int) -> list[Message]:
    """Return the next messages; those of a queue that landed before the last stop are let go of instead."""
    while batch := await _read(reader, most):
        known = [message for message in batch if message.redelivered and message.origin in seen.recent]
        if not known:
            return batch
        await reader.done(known)
        reader.skip(len(known))
        gone = {message.origin for message in known}
        if batch := [message for message in batch if message.origin not in gone]:
            return batch
    return []


async def _read(reader: Reader, most: int) -> list[Message]:
    with _of_source():
        return await reader.read(most)


def confirm(checkpoint: Checkpoint, messages: Sequence[Message], ends: dict[int, int] | None = None) -> None:
    """Put in the checkpoint that these have landed. ``ends`` overrides lane → next offset where they landed out of order."""
    queued = [message.origin for message in messages if message.token is not None]
    if queued:
        gone = set(queued)
        checkpoint.flight = [origin for origin in checkpoint.flight if origin not in gone]
        checkpoint.recent = [*checkpoint.recent, *queued][-_RECENT:]
    for message in messages:
        checkpoint.confirmed[message.lane] = checkpoint.confirmed.get(message.lane, 0) + 1 if message.token else message.offset + 1
        checkpoint.bytes += len(message.body)
    checkpoint.confirmed |= ends or {}
    checkpoint.moved += len(messages)


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Join what two writers of one target wrote: of each partition the whole span."""
    joined = first | second
    if "partitions" in first and "partitions" in second:
        spans = dict(first["partitions"])
        for number, (start, end) in second["partitions"].items():
            known = spans.get(number)
            spans[number] = [min(start, known[0]), max(end, known[1])] if known else [start, end]
        joined["partitions"] = spans
    return joined
