"""Poison on every topic that a service reads: dead-lettered once by each reader, and what stands behind it is handled."""

import asyncio
import json
import sys
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.contracts.topics import RUNS_COMMANDS, TOPICS
from shared.runtime.ids import new_id
from shared.testing.kafka import KafkaPart
from shared.testing.tower import Api
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.chaos]

KEY = b"poison"
"""One key, so one partition: each message stands behind the poison before it."""
SHAPES = {
    "no JSON": b"{ poison %b",
    "no text": b"\xff\xfe %b",
    "a text": b'"%b"',
    "a list": b'["%b"]',
    "nothing known": b'{"poison": "%b"}',
    "wrong types": b'{"poison": "%b", "command": 7, "event": [], "kind": {}, "source": 1e400, "version": "x", "samples": "none"}',
    "nested without end": b'{"poison": "%b", "inputs": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "a half": b'{"poison": "%b", "text": "\\ud800"}',
}
COMMANDS = {
    "a version that no column holds": b'{"command": "start", "workflow": "bell", "version": 3000000000, "poison": "%b"}',
    "a retry of such a version": b'{"command": "retry", "run_id": "r", "scope": "failed", "version": 9223372036854775808, "poison": "%b"}',
    "an event that no run reaches": b'{"command": "retry", "run_id": "r", "scope": "failed", "expected_seq": 1e30, "poison": "%b"}',
    "inputs that are none": b'{"command": "start", "workflow": "bell", "inputs": [1], "poison": "%b"}',
    "inputs nested without end": b'{"command": "start", "workflow": "bell", "poison": "%b", "inputs": {"a": '
    + b'{"a":' * 900
    + b"1"
    + b"}" * 900
    + b"}}",
}
"""Commands that look like some: what no column holds, or no reader."""


def poison_for(name: str) -> list[bytes]:
    """Return the values that are sent on a topic, each another one."""
    shapes = [*SHAPES.values(), *(COMMANDS.values() if name == RUNS_COMMANDS.name else ())]
    return [shape.replace(b"%b", uuid.uuid4().hex.encode()) for shape in shapes]


async def test_poison_on_each_topic_is_set_aside_once_and_followers_are_handled(
    api: Api, bell: str, kafka: KafkaPart, outside: AIOKafkaProducer
) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        dead = {
            topic.name: sorted(name for name in await consumer.topics() if name.startswith(f"{topic.name}.") and name.endswith(".dlq"))
            for topic in TOPICS
        }
        read = {name: letters for name, letters in dead.items() if letters}
        assert len(read) >= 10, f"topics with a reader: {sorted(read)}"
        lanes = {letter: TopicPartition(letter, 0) for letters in read.values() for letter in letters}
        consumer.assign(list(lanes.values()))
        before = await consumer.end_offsets(list(lanes.values()))
        poison = {name: poison_for(name) for name in read}
        wanted = {letter: len(poison[name]) for name, letters in read.items() for letter in letters}
        for name, values in poison.items():
            for value in values:
                await outside.send_and_wait(name, value, key=KEY)
        # Right behind it on the same partition: two that are refused with their field, and one that runs.
        nul, deep, run = new_id(), new_id(), new_id()
        start = {"command": "start", "workflow": bell}
        for more in (
            {"run_id": nul, "inputs": {"day": "a\0b"}, "requested_by": "\0"},
            {"run_id": deep, "inputs": {"day": json.loads("[" * 190 + "]" * 190)}},
            {"run_id": run, "inputs": {"day": "2026-01-01"}},
        ):
            await outside.send_and_wait(RUNS_COMMANDS.name, json.dumps(start | more).encode(), key=KEY)

        async def all_there() -> bool:
            now = await consumer.end_offsets(list(lanes.values()))
            missing = {letter: now[lane] - before[lane] for letter, lane in lanes.items() if now[lane] - before[lane] < wanted[letter]}
            if missing:
                raise AssertionError(f"too few dead letters: {missing}, wanted {wanted}")
            return True

        await eventually(all_there, within=60, every=0.5, about="dead letters for each topic and reader")

        async def known() -> bool:
            return (await api.client.get(f"/api/runs/{run}/")).status_code == 200

        await eventually(known, within=30, about="the start behind the poison is in the read model")
        assert (await api.ended(run, within=60))["status"] == "succeeded"
        for refused, why in ((nul, "NUL"), (deep, "nested")):
            seen = await api.run(refused)
            assert (seen["status"], why in seen["message"]) == ("refused", True)
        await asyncio.sleep(2)
        after = await consumer.end_offsets(list(lanes.values()))
        assert {letter: after[lane] - before[lane] for letter, lane in lanes.items()} == wanted, "each once"
        for name, letters in read.items():
            for letter in letters:
                consumer.seek(lanes[letter], before[lanes[letter]])
                kept = [(await asyncio.wait_for(consumer.getone(lanes[letter]), 15)).value for _ in poison[name]]
                assert kept == poison[name], f"{letter} keeps the original bytes, in their order"
        sys.stdout.write(f"\ninjected: {sum(map(len, poison.values()))} poisons on {len(poison)} topics, for {len(lanes)} readers\n")
    finally:
        await consumer.stop()
