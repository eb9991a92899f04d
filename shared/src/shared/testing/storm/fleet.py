"""Executors as processes over a Kafka and a PostgreSQL of their own, that may be killed, frozen and armed with failpoints."""

import asyncio
import contextlib
import os
import sys
import uuid
from collections import Counter as Tally
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer

from shared.contracts.endpoints import EndpointRegistered
from shared.contracts.runs import StartRun
from shared.contracts.topics import ENDPOINTS_REGISTRY, RUNS_COMMANDS, TOPICS, WORKFLOWS_REGISTRY, Topic
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition, WorkflowPublished
from shared.runtime import clock, keys
from shared.runtime.kafka_topics import create_missing, wanted
from shared.runtime.origin import Origin
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_ports
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.storm.counter import Counter
from shared.testing.wait import eventually

WORKFLOW = "storm"
NAMES = ("A", "B", "C")
CALL_SECONDS = 0.1
"""How long the far end takes for a call, so that a fault finds work under way."""
_UNFORESEEN = ("unexpected error", "exception was never retrieved", "could not be asked; it is asked again")


def storm(endpoint: str) -> WorkflowDefinition:
    """Return the workflow of three calls, one after the other; each has an effect that the far end counts."""
    retry = FixedRetry(every=0.5, attempts=100)
    components = tuple(
        Component(name=name, kind="service", endpoint=endpoint, options={"path": f"/{name}", "deliver": "once"}, retry=retry)
        for name in NAMES
    )
    joined = tuple(Connection(source=a, target=b, kind="processing") for a, b in pairwise(NAMES))
    return WorkflowDefinition(workflow=WORKFLOW, components=components, connections=joined)


class Executor:
    """One executor process and the name that it keeps over its lives."""

    def __init__(self, fleet: "Fleet", number: int, command: Sequence[str] = ()) -> None:
        (self.port,) = free_ports(1)
        self.instance = str(number)
        env = os.environ | {
            "FLOWTOWER_KAFKA": fleet.kafka.bootstrap,
            "FLOWTOWER_DATABASE_URL": fleet.database_url,
            "FLOWTOWER_PORT": str(self.port),
            "FLOWTOWER_KEYS_DIR": str(fleet.keys),
            "FLOWTOWER_INSTANCE": self.instance,
            "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self._plain = env
        words = [*command, sys.executable, "-m", "executor"]
        self.process = PartProcess(f"executor-{number}", words, folder=scratch_folder(f"storm-{number}"), env=env, stop_within=30)

    def launch(self, **more: str) -> None:
        """Start it without waiting; ``more`` are settings of this life only."""
        self.process.env = dict(self._plain) | more
        self.process.launch()

    async def ready(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200
        return False


class Fleet:
    """Everything that a storm goes over. ``injected`` counts the faults that really happened."""

    def __init__(self, executors: int = 2) -> None:
        self.kafka, self.postgres, self.counter = KafkaPart(), PostgresPart(), Counter()
        self.injected: Tally[str] = Tally()
        self.keys = scratch_folder("storm-keys") / "keys"
        self._size = executors
        self.executors: list[Executor] = []
        self.database_url = ""

    async def start(self) -> None:
        """Start everything and see one run through."""
        keys.make(self.keys)
        self.origin = Origin(self.keys)
        await asyncio.gather(asyncio.to_thread(self.kafka.start), asyncio.to_thread(self.postgres.start), self.counter.start())
        self.database_url = await asyncio.to_thread(self.postgres.fresh_database)
        await create_missing(self.kafka.bootstrap, [wanted(topic) for topic in TOPICS], 1)
        self.executors = [Executor(self, number) for number in range(self._size)]
        for executor in self.executors:
            executor.launch()
        self.producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all", request_timeout_ms=5000)
        await self.producer.start()
        options = {"base_url": f"http://127.0.0.1:{self.counter.port}"}
        await self.say(ENDPOINTS_REGISTRY, EndpointRegistered(endpoint_id="far", name="far-end", kind="service", options=options), "far")
        published = WorkflowPublished(workflow_id="id-storm", version=1, definition=storm("far-end"), published_at=clock.now())
        await self.say(WORKFLOWS_REGISTRY, published, "id-storm:1")
        await self.all_ready()
        await self.ended(await self.send(1), within=60)
        self.counter.delay = CALL_SECONDS

    async def stop(self) -> None:
        await self.producer.stop()
        for executor in self.executors:
            await asyncio.to_thread(executor.process.kill)
        await asyncio.to_thread(self.kafka.stop)
        await asyncio.to_thread(self.postgres.stop)
        await self.counter.stop()

    async def say(self, topic: Topic, event: Any, key: str) -> None:
        event_id, value = uuid.uuid4().hex, topic.encode(event)
        await self.producer.send_and_wait(topic.name, value, key=key.encode(), headers=self._headers(topic, key, event_id, value))

    def _headers(self, topic: Topic, key: str, event_id: str, value: bytes) -> list[tuple[str, bytes]]:
        return [("ce_id", event_id.encode()), self.origin.sign(topic.name, key.encode(), event_id, value)]

    async def send(self, count: int) -> list[str]:
        """Ask for so many runs, as the gateway does; return their ids once Kafka has all commands."""
        runs = [uuid.uuid4().hex for _ in range(count)]
        sent = []
        for run in runs:
            value = RUNS_COMMANDS.encode(StartRun(workflow=WORKFLOW, version=1, run_id=run))
            headers = self._headers(RUNS_COMMANDS, run, run, value)
            sent.append(await self.producer.send(RUNS_COMMANDS.name, value, key=run.encode(), headers=headers))
        await asyncio.gather(*sent)
        return runs

    async def under_way(self, executor: Executor) -> int:
        """Return how many runs of an executor's present life have an attempt under way; of a dead or frozen one: had."""
        async with self.database() as connection:
            found: int = await connection.fetchval(
                "SELECT count(*) FROM runs AS r JOIN executors AS e ON e.epoch = r.owner WHERE e.instance = $1 AND e.retired_at IS NULL "
                "AND r.ended_at IS NULL AND NOT EXISTS (SELECT FROM waits AS w WHERE w.run_id = r.run_id)",
                executor.instance,
            )
        return found

    async def busy(self, executor: Executor, runs: list[str]) -> None:
        """Send runs, and add them to ``runs``, until the executor has work: after a start it gets its share of commands by and by."""

        async def works() -> bool:
            if await self.under_way(executor):
                return True
            runs.extend(await self.send(12))
            return False

        await eventually(works, within=60, every=0.1, about=f"executor {executor.instance} has work")

    async def all_ready(self, within: float = 90) -> None:
        for executor in self.executors:
            await eventually(executor.ready, within=within, every=0.2, about=f"executor {executor.instance} is ready")

    def unforeseen(self) -> list[str]:
        """Return what the executors logged of errors that nobody has thought of: each is a fault of ours, whatever became of the run."""
        return [
            line[:1000]
            for executor in self.executors
            for line in executor.process.log_path.read_text(errors="replace").splitlines()
            if any(words in line for words in _UNFORESEEN)
        ]

    async def ready_ones(self) -> list[Executor]:
        return [executor for executor in self.executors if executor.process.running and await executor.ready()]

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.database_url, server_settings={"search_path": "executor"}, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()

    async def ended(self, runs: Sequence[str], within: float) -> None:
        """Wait until all have ended, and all that was decided is on the topic: nobody dead is left to inherit from."""

        async def over() -> bool:
            async with self.database() as connection:
                ended = await connection.fetchval("SELECT count(*) FROM runs WHERE run_id = ANY($1) AND ended_at IS NOT NULL", list(runs))
                unsent = await connection.fetchval(
                    "SELECT count(*) FROM executors WHERE settled_at IS NULL AND (retired_at IS NOT NULL OR published < batch)"
                )
            if ended < len(runs) or unsent:
                raise AssertionError(f"{ended} of {len(runs)} runs have ended, {unsent} lives have something to publish")
            return True

        await eventually(over, within=within, every=0.25, about="all runs have ended")
