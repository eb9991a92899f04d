"""Publishes the journal on ``runs.outcomes.v1``: whole record batches, in order, until the brokers have acknowledged them.

The journal is the outbox. ``published`` trails the acknowledgements and goes back into the database with the next commit; what
lies above it when a process dies is sent again by the one that takes over, under the same event ids.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from prometheus_client import Counter

from executor.adapters.lanes import lane_of
from executor.application.entries import Entry, Leftover
from executor.domain.events import MOST_BYTES, decode, reduced
from shared.contracts.topics import RUNS_OUTCOMES
from shared.runtime import failpoints
from shared.runtime.logging import get_logger
from shared.runtime.packing import pack_quickly
from shared.runtime.parts import Away, NotReady
from shared.runtime.settings import ServiceSettings

log = get_logger(__name__)

_REDUCED = Counter("flowtower_events_reduced_total", "Events that went without their large fields because no message holds them.")
_MOST_ENTRIES = 8000
_SEND_SECONDS = 30
_LINGER_SECONDS = 0.01
_MANY, _FEW = 50, 8
"""Entries of one commit that need no company, and commits below which company is waited for."""
_TYPES = {
    "run.started": "RunStarted",
    "run.released": "RunReleased",
    "run.paused": "RunPaused",
    "run.resumed": "RunResumed",
    "attempt.started": "AttemptStarted",
    "attempt.held": "AttemptHeld",
    "attempt.progressed": "AttemptProgressed",
    "attempt.failed": "AttemptFailed",
    "component.finished": "ComponentFinished",
    "run.finished": "RunFinished",
    "run.reopened": "RunReopened",
    "command.refused": "CommandRefused",
}
_FIXED = [("ce_specversion", b"1.0"), ("ce_source", b"/flowtower/executor"), ("content-type", b"application/json")]
_HEADERS = {kind: [*_FIXED, ("ce_type", f"flowtower.{RUNS_OUTCOMES.name}.{model}".encode())] for kind, model in _TYPES.items()}


class KafkaOutcomes:
    """A part that owns one producer and sends what it is offered, in order."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._bootstrap = settings.kafka
        self._client = f"executor-outcomes-{settings.instance}"
        self._producer: AIOKafkaProducer | None = None
        self._queue: deque[tuple[int, Sequence[Entry]]] = deque()
        self._work = asyncio.Event()
        self._pressing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.published = 0
        self.waiting = ""

    async def start(self) -> None:
        """Connect; raises Away while no broker answers."""
        self._producer = await self._open()
        self._task = asyncio.create_task(self._run(), name="outcomes")

    async def stop(self) -> None:
        """Send what is queued for a few seconds; the journal keeps the rest."""
        for _ in range(100):
            if not self._queue:
                break
            await asyncio.sleep(0.05)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close()

    def begin(self) -> None:
        """Forget the batches of an earlier epoch; whoever inherits it sends what is missing."""
        self._queue.clear()
        self.published = 0

    async def check(self) -> None:
        if self.waiting:
            raise NotReady(self.waiting)

    @property
    def backlog(self) -> int:
        return len(self._queue)

    def offer(self, batch: int, entries: Sequence[Entry]) -> None:
        self._queue.append((batch, entries))
        self._work.set()
        if len(entries) >= _MANY or any(entry.status is not None for entry in entries):
            self._pressing.set()

    async def republish(self, leftovers: Sequence[Leftover]) -> None:
        """Send the events of a dead executor again; they carry the ids that they had."""
        for start in range(0, len(leftovers), _MOST_ENTRIES):
            await self._until_sent([_entry_of(left) for left in leftovers[start : start + _MOST_ENTRIES]])

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                if len(self._queue) < _FEW:
                    await self._company()
                last = 0
                together: list[Entry] = []
                for batch, entries in self._queue:
                    if together and len(together) + len(entries) > _MOST_ENTRIES:
                        break
                    last = batch
                    together += entries
                await self._until_sent(together)
                failpoints.hit("outcomes.after_ack")
                while self._queue and self._queue[0][0] <= last:
                    self._queue.popleft()
                self.published = last

    async def _company(self) -> None:
        """Let what only tells of progress wait a moment for what comes next; the end of a run is waited for, and goes at once."""
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                await self._pressing.wait()
        except TimeoutError:
            return
        self._pressing.clear()

    async def _until_sent(self, entries: Sequence[Entry]) -> None:
        """Send until every broker answer is a yes. A failure means unknown: the same events go again.

        Only “too large” is a plain no: the events are parted until the one that is meant is alone, and it goes without its large fields.
        """
        wait = 0.1
        while True:
            try:
                failpoints.hit("outcomes.before_send")
                if self._producer is None:
                    self._producer = await self._open()
                async with asyncio.timeout(_SEND_SECONDS):
                    await self._send(self._producer, entries)
            except MessageSizeTooLargeError as error:
                await self._close()
                if parts := _parted(entries):
                    for part in parts:
                        await self._until_sent(part)
                    return
                if smaller := _reduced(entries[0]):
                    entries = [smaller]
                    continue
                self.waiting = (
                    f"Kafka refuses an event of {len(entries[0].lines[0])} bytes: {error}. Look at max.message.bytes of the topic."
                )
                log.error("outcomes wait", reason=self.waiting, run=entries[0].run_id, first=entries[0].first)  # noqa: TRY400 - it says all
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
            except (KafkaError, OSError, TimeoutError, Away) as error:
                self.waiting = f"Kafka does not take outcomes: {error or type(error).__name__}"
                log.warning("outcomes wait", reason=self.waiting, entries=len(entries))
                await self._close()
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
            except Exception as error:
                self.waiting = f"outcomes can't be sent: {error!r}"
                log.exception("outcomes wait", entries=len(entries))
                await self._close()
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
            else:
                self.waiting = ""
                return

    @staticmethod
    async def _send(producer: AIOKafkaProducer, entries: Sequence[Entry]) -> None:
        # Events go from the entry into the batch, one after the other: a list of all of them would cost a tenth of the whole way.
        now = int(time.time() * 1000)
        lanes: dict[int, Any] = {}
        sent = []
        for entry in entries:
            key, lane = entry.run_id.encode(), entry.lane
            shared = [("ce_subject", key)] if entry.traceparent is None else [("ce_subject", key), ("traceparent", entry.traceparent)]
            builder = lanes.get(lane)
            if builder is None:
                builder = lanes[lane] = producer.create_batch()
            number = entry.first
            for line, kind in zip(entry.lines, entry.kinds, strict=True):
                if len(line) > MOST_BYTES:
                    line = _made_smaller(entry.run_id, number, line)  # noqa: PLW2901 - no reader takes it as it is
                headers = [*_headers(kind), ("ce_id", b"%b:%d" % (key, number)), *shared]
                if builder.append(key=key, value=line, timestamp=now, headers=headers) is None:
                    sent.append(await producer.send_batch(builder, RUNS_OUTCOMES.name, partition=lane))
                    builder = lanes[lane] = producer.create_batch()
                    if builder.append(key=key, value=line, timestamp=now, headers=headers) is None:
                        raise MessageSizeTooLargeError(f"an event of {len(line)} bytes")
                number += 1
        for lane, builder in lanes.items():
            sent.append(await producer.send_batch(builder, RUNS_OUTCOMES.name, partition=lane))
        await failpoints.reach("outcomes.before_ack")
        await asyncio.gather(*sent)

    async def _open(self) -> AIOKafkaProducer:
        pack_quickly()
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=0,
            max_batch_size=900_000,
            max_request_size=4 * 1024 * 1024,
            request_timeout_ms=10_000,
        )
        try:
            async with asyncio.timeout(10):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            with contextlib.suppress(Exception):
                await producer.stop()
            raise Away(f"Kafka does not answer at {self._bootstrap}: {error or type(error).__name__}") from error
        return producer

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(5):
                    await producer.stop()


def _headers(kind: str) -> list[tuple[str, bytes]]:
    """Return what every event of a kind says of itself; one of a kind that a newer executor left behind says no type of ours."""
    return _HEADERS.get(kind) or [*_FIXED, ("ce_type", f"flowtower.{RUNS_OUTCOMES.name}.{kind}".encode())]


def _parted(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return two halves, of the entries or of the only one's events; none when there is one event."""
    if len(entries) > 1:
        half = len(entries) // 2
        return [list(entries[:half]), list(entries[half:])]
    entry = entries[0]
    half = len(entry.lines) // 2
    if not half:
        return []
    middle = entry.first + half
    return [
        [Entry(entry.run_id, entry.first, middle - 1, entry.lines[:half], entry.kinds[:half], entry.lane, entry.traceparent)],
        [Entry(entry.run_id, middle, entry.last, entry.lines[half:], entry.kinds[half:], entry.lane, entry.traceparent)],
    ]


def _reduced(entry: Entry) -> Entry | None:
    """Return the entry of one event without its large fields; None when it has none."""
    line = _made_smaller(entry.run_id, entry.first, entry.lines[0])
    if len(line) >= len(entry.lines[0]):
        return None
    return Entry(entry.run_id, entry.first, entry.last, [line], entry.kinds, entry.lane, entry.traceparent)


def _made_smaller(run_id: str, number: int, line: bytes) -> bytes:
    smaller = reduced(line)
    log.error("an event is too large for a message; it goes without its large fields", run=run_id, seq=number, bytes=len(line))
    _REDUCED.inc()
    return smaller


def _entry_of(left: Leftover) -> Entry:
    """Return what a dead executor had committed as it was offered then."""
    events = [decode(line) for line in left.lines]
    first = int(events[0]["seq"])
    kinds = [event["event"] for event in events]
    return Entry(left.run_id, first, first + len(events) - 1, left.lines, kinds, lane_of(left.run_id))
