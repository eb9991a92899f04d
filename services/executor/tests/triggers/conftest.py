"""A workflow with triggers, and what a test needs to fire them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from shared.contracts.topics import TRIGGERS_COMMANDS, TRIGGERS_EVENTS
from shared.contracts.triggers import PauseTrigger
from shared.contracts.workflows import Component, KafkaTrigger, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually


class Plant:
    """One workflow under names of its own, and everything that is told of its triggers."""

    def __init__(self, tower: Any, kafka: KafkaPart) -> None:
        self.tower, self.kafka = tower, kafka
        word = uuid.uuid4().hex[:8]
        self.topic, self.endpoint, self.workflow = f"orders-{word}", f"kafka-{word}", f"fired-{word}"
        self.workflow_id = f"id-{self.workflow}"
        self.told: list[Any] = []

    async def open(self) -> None:
        self.producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all", linger_ms=5, max_batch_size=200_000)
        await self.producer.start()
        self.ears = AIOKafkaConsumer(TRIGGERS_EVENTS.name, bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest")
        await self.ears.start()
        self.listening = asyncio.create_task(self._listen())
        await self.tower.endpoint(self.endpoint, "kafka", {"bootstrap_servers": self.kafka.bootstrap})

    async def close(self) -> None:
        self.listening.cancel()
        await asyncio.gather(self.listening, return_exceptions=True)
        await self.ears.stop()
        await self.producer.stop()

    async def _listen(self) -> None:
        async for record in self.ears:
            event = TRIGGERS_EVENTS.decode(record.value)
            if event.workflow_id == self.workflow_id:
                self.told.append(event)

    async def publish(self, *triggers: Any, version: int = 1, retired: bool = False, real: bool = True) -> None:
        """Publish the workflow. Not ``real``: its runs end at once, because their endpoint does not exist."""
        endpoint = self.endpoint if real else "nowhere"
        part = Component(name="Orders", kind="kafka", endpoint=endpoint, options={"topic": self.topic})
        definition = WorkflowDefinition(workflow=self.workflow, components=(part,), triggers=triggers)
        await self.tower.publish(definition, version, retired=retired)

    def trigger(self, **more: Any) -> KafkaTrigger:
        return KafkaTrigger.model_validate({"name": "orders", "endpoint": self.endpoint, "topic": self.topic} | more)

    async def send(self, *values: Any, headers: list[tuple[str, bytes]] | None = None) -> None:
        for value in values:
            body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
            await self.producer.send_and_wait(self.topic, body, key=b"k", headers=headers or [])

    def fired(self, result: str, trigger: str = "orders") -> list[Any]:
        return [e for e in self.told if e.event == "trigger.fired" and e.result == result and e.trigger == trigger]

    def count(self, result: str, trigger: str = "orders") -> int:
        return sum(event.count for event in self.fired(result, trigger))

    def standing(self, trigger: str = "orders") -> Any:
        found = [e for e in self.told if e.event == "trigger.standing" and e.trigger == trigger]
        return found[-1] if found else None

    async def stands(self, trigger: str = "orders", *, within: float = 20, **wanted: Any) -> Any:
        def as_wanted() -> Any:
            standing = self.standing(trigger)
            return standing if standing and all(getattr(standing, name) == value for name, value in wanted.items()) else None

        return await eventually(as_wanted, within=within, about=f"{trigger} {wanted}")

    async def counted(self, result: str, number: int, trigger: str = "orders", *, within: float = 20) -> None:
        await eventually(lambda: self.count(result, trigger) >= number, within=within, about=f"{number} {result}")
        assert self.count(result, trigger) == number

    def starts(self) -> list[Any]:
        """Return the first events of its runs, each once: after a take-over they may come again."""
        return list({e.run_id: e for e in self.tower.events if e.event == "run.started" and e.workflow_id == self.workflow_id}.values())

    async def pause(self, trigger: str, paused: bool) -> None:
        command = PauseTrigger(workflow_id=self.workflow_id, trigger=trigger, paused=paused, requested_by="ada")
        await self.tower.send(TRIGGERS_COMMANDS, command, self.workflow_id)
        await self.stands(trigger, paused=paused)


@pytest.fixture
async def plant(tower: Any, kafka: KafkaPart) -> AsyncIterator[Plant]:
    plant = Plant(tower, kafka)
    await plant.open()
    yield plant
    await plant.close()


@pytest.fixture
def second(executor: Any, kafka: KafkaPart, executor_keys: Path) -> Iterator[Any]:
    part = type(executor)(kafka, executor.database_url, executor_keys, instance="1")
    part.start()
    yield part
    part.process.stop()


@pytest.fixture
def rows(executor: Any) -> Callable[..., Awaitable[list[Any]]]:
    """Ask the executor's schema."""

    async def ask(query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(executor.database_url, server_settings={"search_path": "executor"})
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    return ask


class Firings:
    """The executor's own count of firings."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/metrics"

    async def of(self, kind: str) -> dict[str, float]:
        """Return the count of one kind of trigger, by result."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            told = (await client.get(self.url)).raise_for_status().text
        samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
        counted = [sample for sample in samples if sample.name == "flowtower_trigger_firings_total"]
        return {sample.labels["result"]: sample.value for sample in counted if sample.labels["kind"] == kind}

    async def grew(self, kind: str, before: dict[str, float], **by: int) -> None:
        """Wait until the count has grown by so many, and nothing else of it has grown."""

        async def grown() -> bool:
            difference = {result: now - before[result] for result, now in (await self.of(kind)).items()}
            assert difference == dict.fromkeys(before, 0) | by
            return True

        await eventually(grown, within=10)


@pytest.fixture
def firings(executor: Any) -> Firings:
    return Firings(executor.port)
