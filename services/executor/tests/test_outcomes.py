"""The journal is the outbox: a batch counts as published when the brokers have acknowledged it, and not before."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from executor.adapters.outcomes import KafkaOutcomes
from executor.application.entries import Entry
from executor.domain.events import MOST_BYTES, encode, reduced
from executor.settings import Settings
from shared.contracts.topics import MAX_MESSAGE_BYTES, RUNS_OUTCOMES
from shared.testing.wait import eventually


class Brokers:
    """Take records and acknowledge them when they are told to; the first answer to each may be lost."""

    def __init__(self, *, lose: int = 0, most: int = 10**9) -> None:
        self.taken: list[list[bytes]] = []
        self.standing: list[tuple[bytes, bytes]] = []  # id and value of what was taken
        self.refusals = 0
        self.most = most
        self.acknowledge = asyncio.Event()
        self._lose = lose

    async def start(self) -> None:
        return

    stop = start

    def create_batch(self) -> "Batch":
        return Batch()

    async def send_batch(self, batch: "Batch", _topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert partition == 0
        if sum(map(len, batch.values)) > self.most:
            self.refusals += 1
            raise MessageSizeTooLargeError
        self.taken.append(batch.ids)
        self.standing += zip(batch.ids, batch.values, strict=True)
        if self._lose:
            self._lose -= 1
            raise TimeoutError("no answer")
        return asyncio.ensure_future(self._answer())

    async def _answer(self) -> None:
        await self.acknowledge.wait()


class Batch:
    def __init__(self) -> None:
        self.ids: list[bytes] = []
        self.values: list[bytes] = []

    def append(self, *, headers: list[tuple[str, bytes]], value: bytes, **_: Any) -> bool:
        self.values.append(value)
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


AT = {"workflow_id": "w", "at": "2026-01-02T03:04:05Z"}


def started(run: str, size: int) -> Entry:
    event = {"event": "run.started", "run_id": run, "seq": 1, "workflow": "orders", "version": 1, "inputs": {"text": "x" * size}} | AT
    held = {"event": "run.released", "run_id": run, "seq": 2} | AT
    return Entry(run, 1, 2, [encode(event), encode(held)], ["run.started", "run.released"], 0)


@pytest.mark.parametrize("most", [10**9, 300_000])
async def test_an_event_that_no_message_holds_goes_without_its_large_field_and_stops_no_other(most: int) -> None:
    """Whether our own bound says so, or the brokers do."""
    brokers = Brokers(most=most)
    brokers.acknowledge.set()
    outcomes = await publishing(brokers)
    size = MOST_BYTES + 1 if most > MOST_BYTES else most + 1
    outcomes.offer(1, [started("a", 10), started("b", size), started("c", 10), started("d", 200_000)])
    await eventually(lambda: outcomes.published == 1, within=20)
    outcomes.offer(2, [started("e", 10)])
    await eventually(lambda: outcomes.published == 2, within=20)
    await outcomes.stop()
    assert list(dict.fromkeys(known for known, _ in brokers.standing)) == [b"%c:%d" % (run, seq) for run in b"abcde" for seq in (1, 2)]
    events = {known: RUNS_OUTCOMES.decode(value) for known, value in brokers.standing}
    assert events[b"b:1"].inputs == {}
    assert "Left out: inputs. The executor's journal holds them." in events[b"b:1"].left_out
    assert [known for known, event in events.items() if event.left_out] == [b"b:1"]
    assert len(events[b"d:1"].inputs["text"]) == 200_000
    assert (brokers.refusals > 0) == (most < MOST_BYTES)
    assert outcomes.waiting == ""


async def test_brokers_that_take_not_even_a_small_event_are_waited_for_and_said_so() -> None:
    brokers = Brokers(most=10)
    brokers.acknowledge.set()
    outcomes = await publishing(brokers)
    outcomes.offer(1, [started("a", 10)])
    await eventually(lambda: "Look at max.message.bytes" in outcomes.waiting, within=20)
    brokers.most = 10**9
    await eventually(lambda: outcomes.published == 1, within=20)
    assert outcomes.waiting == ""
    await outcomes.stop()


async def test_an_error_that_nobody_thought_of_is_told_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    brokers = Brokers()
    brokers.acknowledge.set()
    outcomes = await publishing(brokers)

    async def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(outcomes, "_send", breaks)
    outcomes.offer(1, [started("a", 10)])
    await eventually(lambda: "ZeroDivisionError" in outcomes.waiting, within=20)
    monkeypatch.undo()
    await eventually(lambda: outcomes.published == 1, within=20)
    await outcomes.stop()


@pytest.mark.parametrize(
    "event",
    [
        {"event": "run.started", "workflow": "orders", "version": 1, "inputs": {"text": "x" * 1_100_000}},
        {"event": "run.reopened", "again": {f"C{number}": 2 for number in range(110_000)}, "stays": [], "inputs": {"a": 1}},
        {"event": "component.finished", "component": "A", "status": "succeeded", "output": {"rows": ["y"] * 300_000}},
        {"event": "command.refused", "command": "start", "reason": "r" * 2_000_000},
    ],
)
def test_a_reduced_event_is_still_what_its_contract_says(event: dict[str, Any]) -> None:
    line = encode(event | {"run_id": "a", "seq": 7} | AT)
    assert len(line) > MAX_MESSAGE_BYTES
    small = reduced(line)
    assert len(small) < 10_000
    read = RUNS_OUTCOMES.decode(small)
    assert (read.event, read.run_id, read.seq) == (event["event"], "a", 7)
    assert str(len(line)) in read.left_out
