"""A transfer that is cut leaves no gap at its target: what was sent is the beginning of what there was to send."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from executor.application.ports import Message, Place, Work
from executor.application.transfer import WINDOW, transfer
from executor.connectors.mq.connector import MqWriter
from shared.contracts.kinds.mq import ComponentOptions
from shared.contracts.workflows import Component, Connection

NUMBER = 4 * WINDOW


class Channel:
    """Takes messages one after the other, as aiormq's does: behind a lock, and each written with a turn of the loop in between."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.taken: list[bytes] = []

    async def basic_publish(self, body: bytes, **_given: Any) -> None:
        async with self.lock:
            self.taken.append(body)
            await asyncio.sleep(0)


class Checkpoints:
    async def load(self, *_place: Any) -> None: ...

    async def save(self, *_place: Any) -> None: ...


class Side:
    kind = "side"
    total: int | None = NUMBER

    def __init__(self, channel: Channel) -> None:
        self.channel: Any = channel
        self.left = [Message(b"%d" % number, b"k", [], 0, number, f"o{number}", f"n{number}") for number in range(NUMBER)]

    @asynccontextmanager
    async def reader(self, _work: Work, _source: Place, _resume: dict[int, int]) -> AsyncIterator["Side"]:
        yield self

    async def read(self, most: int) -> list[Message]:
        found, self.left = self.left[:most], self.left[most:]
        return found

    async def done(self, _messages: Sequence[Message]) -> None: ...

    @asynccontextmanager
    async def writer(self, work: Work) -> AsyncIterator[MqWriter]:
        yield MqWriter(self.channel, work)


@pytest.mark.parametrize("at", [3, WINDOW // 2, WINDOW - 1, WINDOW + 3, 2 * WINDOW - 1])
async def test_a_transfer_that_is_cut_leaves_no_gap(at: int) -> None:
    channel = Channel()
    side: Any = Side(channel)
    source = Place(Component(name="A", kind="side"), None, None)
    target = Place(Component(name="B", kind="side"), ComponentOptions(queue="q"), None)
    work = Work("r1", target, 1, "r1:B:1", sources=((Connection(source="A", target="B", kind="kafka-to-mq"), source),))
    checkpoints: Any = Checkpoints()
    moving = asyncio.create_task(transfer(work, {"side": side}, checkpoints, lambda _told: None))
    while len(channel.taken) < at and not moving.done():
        await asyncio.sleep(0)
    moving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await moving
    sent = len(channel.taken)
    for _ in range(2 * NUMBER):
        await asyncio.sleep(0)
    assert at <= sent < at + 10, "it went on sending"
    assert len(channel.taken) == sent, "it went on sending after its end"
    assert channel.taken == [b"%d" % number for number in range(len(channel.taken))]
