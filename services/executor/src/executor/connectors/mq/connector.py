"""RabbitMQ queues: look at one, take from it, publish to it with confirms."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiormq.abc import AbstractChannel, DeliveredMessage

from executor.application.ports import Endpoint, Message, Outcome, Permanent, Place, Work
from executor.connectors.mq.config import KIND
from executor.connectors.mq.properties import key_and_headers, properties_of
from executor.connectors.mq.session import channel_to, connected, explained
from shared.runtime.egress import Egress

_PREFETCH = 3000
"""Messages that we hold unacknowledged at most: more than the windows that are read, sent and confirmed at once."""
_MAX_FOREIGN = 10_000
_QUIET_SECONDS = 2.0
_QUIET_ROUNDS = 5
_CONFIRM_SECONDS = 60


class MqConnector:
    kind = KIND

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        with explained(endpoint):
            async with connected(self._egress, endpoint) as connection:
                told = connection.server_properties
        return {
            "product": str(told.get("product", "")),
            "version": str(told.get("version", "")),
            "virtual_host": endpoint.options.virtual_host,
        }

    async def begin(self, work: Work) -> Outcome:
        """Look how many messages there are; a follower takes so many."""
        options = work.place.options
        async with channel_to(self._egress, work.place.system, options.queue, declare=options.declare) as (_, ready):
            return Outcome({"queue": options.queue, "messages": ready}, message=f"{ready} messages in “{options.queue}”.")

    @asynccontextmanager
    async def reader(self, work: Work, source: Place, resume: dict[int, int]) -> AsyncIterator["MqReader"]:
        queue = source.output["queue"]
        async with channel_to(self._egress, source.system, queue, declare=False) as (channel, _):
            with explained(source.system, queue):
                reader = MqReader(channel, work, source, resume.get(0, 0))
                await reader.open()
                try:
                    yield reader
                finally:
                    await reader.close()

    @asynccontextmanager
    async def writer(self, work: Work) -> AsyncIterator["MqWriter"]:
        options = work.place.options
        async with channel_to(self._egress, work.place.system, options.queue, declare=options.declare) as (channel, _):
            yield MqWriter(channel, work)


class MqReader:
    """Takes the messages that the source counted; those that belong to others are given back at the end."""

    def __init__(self, channel: AbstractChannel, work: Work, source: Place, taken: int) -> None:
        self._channel = channel
        self._endpoint = source.system
        self._queue: str = source.output["queue"]
        self._only: str | None = source.output.get("origin")
        self.total: int | None = source.output.get("messages")
        self._taken = taken
        self._run = f"{work.run_id}:"
        self._prefix = work.origin(source)
        self._arrived: asyncio.Queue[DeliveredMessage | None] = asyncio.Queue()
        self._foreign: list[int] = []
        self._prefetch = _PREFETCH
        self._tag = ""

    async def open(self) -> None:
        self._channel.closing.add_done_callback(lambda _: self._arrived.put_nowait(None))
        await self._consume()

    async def _consume(self) -> None:
        await self._channel.basic_qos(prefetch_count=self._prefetch)
        answer = await self._channel.basic_consume(self._queue, self._deliver, no_ack=False)
        self._tag = str(answer.consumer_tag)

    async def _deliver(self, message: DeliveredMessage) -> None:
        self._arrived.put_nowait(message)

    async def read(self, most: int) -> list[Message]:
        left = most if self.total is None else min(most, self.total - self._taken)
        found: list[Message] = []
        quiet = 0
        with explained(self._endpoint, self._queue):
            while len(found) < left and not (found and self._arrived.empty()):
                try:
                    delivered = await asyncio.wait_for(self._arrived.get(), _QUIET_SECONDS)
                except TimeoutError:
                    quiet += 1
                    if quiet == _QUIET_ROUNDS:
                        raise self._missing() from None
                    continue
                if delivered is None:
                    raise ConnectionError("the broker closed the channel")
                if message := await self._message(delivered):
                    found.append(message)
        return found

    def _missing(self) -> Permanent:
        """Nothing came for long: somebody else has taken messages that were ours."""
        text = (
            f"{(self.total or 0) - self._taken} of {self.total} messages are no longer in queue “{self._queue}”: another consumer took "
            "them, or they expired. Stop the other consumer and retry the component that fills the queue."
        )
        return Permanent("MessagesMissing", text)

    async def _message(self, delivered: DeliveredMessage) -> Message | None:
        key, headers, origin = key_and_headers(delivered.header.properties)
        tag = int(getattr(delivered.delivery, "delivery_tag", 0))
        if self._only is not None and not origin.startswith(self._only):
            await self._leave(tag)
            return None
        self._taken += 1
        again = bool(getattr(delivered.delivery, "redelivered", False))
        known = origin or f"{self._queue}:{self._taken}"
        # A message that this run has moved before keeps the end of its name, behind run, component and generation: where it came from.
        tail = known[len(self._run) :].split(":", 2)[-1] if known.startswith(self._run) else known
        name = f"{self._prefix}:{tail}"
        body = bytes(delivered.body)
        return Message(body, key, headers, 0, self._taken - 1, known, name, redelivered=again, named=bool(origin), token=tag)

    async def _leave(self, tag: int) -> None:
        """Hold a message of somebody else until the end; look further behind it."""
        self._foreign.append(tag)
        if len(self._foreign) > _MAX_FOREIGN:
            text = (
                f"More than {_MAX_FOREIGN} messages of others stand before this run's in queue “{self._queue}”. "
                "Let them be consumed first, or use a queue of its own."
            )
            raise Permanent("ForeignMessages", text)
        if len(self._foreign) * 3 > self._prefetch:
            self._prefetch *= 2
            await self._channel.basic_cancel(self._tag)
            await self._consume()

    def skip(self, count: int) -> None:
        self._taken -= count

    async def done(self, messages: Sequence[Message]) -> None:
        with explained(self._endpoint, self._queue):
            for message in messages:
                await self._channel.basic_ack(message.token, wait=False)

    async def close(self) -> None:
        """Give back what is not ours; what we hold unacknowledged goes back with the channel."""
        if self._channel.is_closed:
            return
        await self._channel.basic_cancel(self._tag, timeout=5)
        for tag in self._foreign:
            await self._channel.basic_nack(tag, requeue=True, wait=False)


class MqWriter:
    """Publishes persistent messages in order, each mandatory and confirmed."""

    def __init__(self, channel: AbstractChannel, work: Work) -> None:
        self._channel = channel
        self._queue: str = work.place.options.queue
        self._traceparent = work.traceparent

    async def send(self, messages: Sequence[Message]) -> "asyncio.Future[Any]":
        publishes = [
            self._channel.basic_publish(
                message.body,
                routing_key=self._queue,
                properties=properties_of(message, self._traceparent),
                mandatory=True,
                timeout=_CONFIRM_SECONDS,
            )
            for message in messages
        ]
        # Tasks start in the order in which they are made and queue up at the channel's lock: that keeps the order.
        sent = asyncio.gather(*publishes)
        await asyncio.sleep(0)
        return sent

    def wrote(self) -> dict[str, Any]:
        return {"queue": self._queue}
