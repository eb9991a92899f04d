"""The journal is the outbox: a batch counts as published when the brokers have acknowledged it, and not before."""

import asyncio
from typing import Any

from executor.adapters.outcomes import KafkaOutcomes
from executor.application.entries import Entry
from executor.settings import Settings
from shared.testing.wait import eventually


class Brokers:
    """Take records and acknowledge them when they are told to; the first answer to each may be lost."""

    def __init__(self, *, lose: int = 0) -> None:
        self.taken: list[list[bytes]] = []
        self.acknowledge = asyncio.Event()
        self._lose = lose

    async def start(self) -> None:
        return

    stop = start

    def create_batch(self) -> "Batch":
        return Batch()

    async def send_batch(self, batch: "Batch", _topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert partition == 0
        self.taken.append(batch.ids)
        if self._lose:
            self._lose -= 1
            raise TimeoutError("no answer")
        return asyncio.ensure_future(self._answer())

    async def _answer(self) -> None:
        await self.acknowledge.wait()


class Batch:
    def __init__(self) -> None:
        self.ids: list[bytes] = []

    def append(self, *, headers: list[tuple[str, bytes]], **_: Any) -> bool:
        self.ids.append(dict(headers)["ce_id"])
        return True


def entry(run: str) -> Entry:
    return Entry(run, 1, 2, [b'{"seq":1}', b'{"seq":2}'], ["run.started", "attempt.started"], 0)


async def publishing(brokers: Brokers) -> KafkaOutcomes:
    outcomes = KafkaOutcomes(Settings(kafka="127.0.0.1:1", database_url="postgresql://nobody@127.0.0.1:1/x"))  # type: ignore[arg-type]

    async def opened() -> Brokers:
        return brokers

    outcomes._open = opened  # type: ignore[method-assign, assignment]
    await outcomes.start()
    return outcomes


async def test_published_trails_the_acknowledgement() -> None:
    brokers = Brokers()
    outcomes = await publishing(brokers)
    outcomes.offer(1, [entry("a")])
    await eventually(lambda: brokers.taken == [[b"a:1", b"a:2"]])
    assert outcomes.published == 0, "sent is not acknowledged"
    assert outcomes.backlog == 1
    brokers.acknowledge.set()
    await eventually(lambda: outcomes.published == 1)
    assert outcomes.backlog == 0
    await outcomes.stop()


async def test_a_send_without_an_answer_is_repeated_under_the_same_ids_before_anything_later() -> None:
    brokers = Brokers(lose=1)
    brokers.acknowledge.set()
    outcomes = await publishing(brokers)
    outcomes.offer(1, [entry("a")])
    await eventually(lambda: len(brokers.taken) == 1)
    outcomes.offer(2, [entry("b")])
    await eventually(lambda: outcomes.published == 2)
    assert brokers.taken[:2] == [[b"a:1", b"a:2"]] * 2
    assert brokers.taken[-1][-2:] == [b"b:1", b"b:2"]
    await outcomes.stop()
