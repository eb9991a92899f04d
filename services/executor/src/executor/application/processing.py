"""Hand messages to a service: one call for each, in order per key, or one call for all.

A message counts as handled when the service has answered with a 2xx; that stands in the checkpoint before the source lets
go of it. After a stop, what was under way is called again with the same Idempotency-Key.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from executor.application.ports import (
    Caller,
    Calls,
    Checkpoint,
    Checkpoints,
    Connector,
    Message,
    Outcome,
    Permanent,
    Place,
    Reader,
    Reads,
    Work,
)
from executor.application.transfer import Report, Save, Seen, Tally, confirm, reading, unseen

_SAVE_SECONDS = 0.25
_SAVE_MESSAGES = 500


async def once(work: Work, connectors: dict[str, Connector]) -> Outcome:
    """Make one call that tells what came before."""
    connector = _calls(work, connectors)
    told = {
        "run": work.run_id,
        "component": work.name,
        "inputs": work.inputs,
        "sources": {place.component.name: place.output for _, place in work.sources},
    }
    async with connector.caller(work) as caller:
        body = json.dumps(told, ensure_ascii=False).encode()
        await caller.call(body, key=work.idempotency_key, headers=_trace(work), content_type="application/json")
    return Outcome({"calls": 1}, message="Called once.")


async def each(work: Work, connectors: dict[str, Connector], checkpoints: Checkpoints, report: Report) -> tuple[dict[str, Any], Tally]:
    """Make one call for every message of every source."""
    connector = _calls(work, connectors)
    tally = Tally(report)
    async with connector.caller(work, calls=work.place.options.in_flight) as caller:
        for _, source in work.feeds:
            reads = connectors[source.component.kind]
            if not isinstance(reads, Reads):
                raise Permanent("NotReadable", f"Components of the kind “{reads.kind}” hold no messages. Set deliver: once.")
            await _one(work, source, reads, caller, checkpoints=checkpoints, tally=tally)
    return {"messages": sum(part.moved for part in tally.parts.values())}, tally


def _calls(work: Work, connectors: dict[str, Connector]) -> Calls:
    connector = connectors[work.place.component.kind]
    if not isinstance(connector, Calls):
        raise Permanent("NotCallable", f"Components of the kind “{connector.kind}” cannot be called.")
    return connector


def _trace(work: Work) -> dict[str, str]:
    return {"traceparent": work.traceparent} if work.traceparent else {}


async def _one(work: Work, source: Place, reads: Reads, caller: Caller, *, checkpoints: Checkpoints, tally: Tally) -> None:
    name = source.component.name
    place = (work.run_id, work.name, work.place.generation, name)
    checkpoint = await checkpoints.load(*place) or Checkpoint()
    tally.parts[name] = checkpoint

    async def save() -> None:
        await checkpoints.save(*place, checkpoint)

    async with reading(reads, work, source, checkpoint) as reader:
        tally.total = None if tally.total is None or reader.total is None else tally.total + reader.total
        await _Handing(work, reader, caller, checkpoint=checkpoint, save=save, tally=tally).run()


class _Handing:
    """One source being handed on: a bounded number of calls under way, never two of one key."""

    def __init__(self, work: Work, reader: Reader, caller: Caller, *, checkpoint: Checkpoint, save: Save, tally: Tally) -> None:
        self._work = work
        self._reader = reader
        self._caller = caller
        self._checkpoint = checkpoint
        self._save = save
        self._tally = tally
        self._most: int = work.place.options.in_flight
        self._seen = Seen(checkpoint)
        self._waiting: deque[Message] = deque()
        self._calls: dict[asyncio.Task[None], Message] = {}
        self._open: dict[int, set[int]] = {}  # lane → offsets that have not landed
        self._ends: dict[int, int] = {}  # lane → behind the last that was read
        self._landed: list[Message] = []
        self._saved = time.monotonic()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        reading: asyncio.Task[list[Message]] | None = None
        ended = False
        try:
            while True:
                if reading is None and not ended and not self._failure and len(self._waiting) < self._most:
                    reading = asyncio.ensure_future(unseen(self._reader, self._seen, self._most * 4))
                self._start()
                under_way: set[asyncio.Task[Any]] = {*self._calls, *([reading] if reading else [])}
                if not under_way:
                    break
                await asyncio.wait(under_way, timeout=_SAVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if reading is not None and reading.done():
                    ended = not await self._take(reading.result())
                    reading = None
                self._collect()
                if self._failure and reading is not None:
                    reading.cancel()
                    reading = None
                if len(self._landed) >= _SAVE_MESSAGES or (self._landed and time.monotonic() - self._saved > _SAVE_SECONDS):
                    await self._let_go()
            await self._let_go()
        finally:
            for task in (*self._calls, *([reading] if reading else [])):
                task.cancel()
            await asyncio.gather(*self._calls, *([reading] if reading else []), return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def _take(self, batch: Sequence[Message]) -> bool:
        if batch:
            self._seen.announce(self._checkpoint, batch)
            for message in batch:
                self._open.setdefault(message.lane, set()).add(message.offset)
                self._ends[message.lane] = message.offset + 1
            self._checkpoint.read += len(batch)
            await self._save()
            self._waiting.extend(batch)
        return bool(batch)

    def _start(self) -> None:
        if self._failure:
            return
        busy = {message.key for message in self._calls.values() if message.key is not None}
        held: list[Message] = []
        while self._waiting and len(self._calls) < self._most:
            message = self._waiting.popleft()
            if message.key is not None and message.key in busy:
                held.append(message)
                continue
            if message.key is not None:
                busy.add(message.key)
            self._calls[asyncio.ensure_future(self._call(message))] = message
        self._waiting.extendleft(reversed(held))

    async def _call(self, message: Message) -> None:
        await self._caller.call(message.body, key=message.name, headers=_trace(self._work), content_type=_content_type(message))

    def _collect(self) -> None:
        for task in [task for task in self._calls if task.done()]:
            message = self._calls.pop(task)
            if error := task.exception():
                self._failure = self._failure or error
                continue
            self._landed.append(message)
            self._open[message.lane].discard(message.offset)

    async def _let_go(self) -> None:
        self._saved = time.monotonic()
        landed, self._landed = self._landed, []
        if not landed:
            return
        # Calls end out of order; a topic is read again from the first that has not landed.
        ends = {m.lane: min(self._open[m.lane], default=self._ends[m.lane]) for m in landed if m.token is None}
        confirm(self._checkpoint, landed, ends)
        await self._save()
        await self._reader.done(landed)
        self._tally.moved(len(landed))


def _content_type(message: Message) -> str:
    for name, value in message.headers:
        if name.lower() in {"content-type", "amqp-content_type"} and value:
            return value.decode("latin-1")
    return "application/json" if message.body[:1] in {b"{", b"["} else "application/octet-stream"
