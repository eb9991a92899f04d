"""Which side of a transfer failed: the breaker of the target's endpoint hears only of the target."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from executor.application.attempts import failed
from executor.application.entering import verdict
from executor.application.ports import Message, Place, Retryable, Work
from executor.application.transfer import transfer
from executor.domain.gate import Verdict
from shared.contracts.workflows import Component, Connection


class Checkpoints:
    async def load(self, *_place: Any) -> None: ...

    async def save(self, *_place: Any) -> None: ...


class Side:
    """A source and a target; ``breaks`` says where."""

    def __init__(self, breaks: str) -> None:
        self.kind = "side"
        self.breaks = breaks
        self.total: int | None = 1
        self.left = [Message(b"x", None, [], 0, 0, "o", "n")]

    def fail(self, here: str) -> None:
        if self.breaks == here:
            raise Retryable("Away", f"{here} does not answer.")

    @asynccontextmanager
    async def reader(self, _work: Work, _source: Place, _resume: dict[int, int]) -> AsyncIterator["Side"]:
        self.fail("the source")
        yield self

    async def read(self, _most: int) -> list[Message]:
        self.fail("reading")
        found, self.left = self.left, []
        return found

    async def done(self, _messages: Sequence[Message]) -> None: ...

    def skip(self, _count: int) -> None: ...

    @asynccontextmanager
    async def writer(self, _work: Work) -> AsyncIterator["Side"]:
        self.fail("the target")
        yield self

    async def send(self, _messages: Sequence[Message]) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.breaks == "confirming":
            answer.set_exception(Retryable("Away", "confirming does not answer."))
        else:
            answer.set_result(None)
        return answer

    def wrote(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("breaks", "heard"),
    [
        ("the source", Verdict.NOTHING),
        ("reading", Verdict.NOTHING),
        ("the target", Verdict.FAILED),
        ("confirming", Verdict.FAILED),
    ],
)
async def test_a_breaker_hears_of_its_own_endpoint_only(breaks: str, heard: Verdict) -> None:
    source, target = Place(Component(name="A", kind="side"), None, None), Place(Component(name="B", kind="side"), None, None)
    work = Work("r1", target, 1, "r1:B:1", sources=((Connection(source="A", target="B", kind="kafka-to-mq"), source),))
    side: Any = Side(breaks)
    checkpoints: Any = Checkpoints()
    with pytest.raises(Retryable, match=breaks) as caught:
        await transfer(work, {"side": side}, checkpoints, lambda _told: None)
    assert verdict(None, failed(caught.value)) is heard
