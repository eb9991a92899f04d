"""Durable runs of three trivial components, each outcome committed before the next component starts, through real Kafka.

Raw limit, in the same rounds: one connection that commits rows of the same size in groups of 2,000; a run is three of them.
Latency with one run in flight: from the command's send to ``run.finished`` seen on the topic, beside a bare loop that
reads a message, commits once (or three times) and writes a message.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from shared.contracts.runs import StartRun
from shared.contracts.topics import RUNS_COMMANDS, RUNS_OUTCOMES, TOPICS, WORKFLOWS_REGISTRY
from shared.contracts.workflows import Component, Connection, WorkflowDefinition, WorkflowPublished
from shared.runtime import clock, keys
from shared.runtime.kafka_topics import create_missing, wanted
from shared.runtime.origin import Origin
from shared.testing.kafka import KafkaPart
from shared.testing.ports import answers, free_ports
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.wait import eventually

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
RUNS = int(os.environ.get("BENCH_RUNS", "20000"))
PINGS = 300
BAR = 0.05


def quantile(seconds: list[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))] * 1000


class Stage:
    """Kafka, PostgreSQL and the executor, each a process of its own."""

    def __init__(self) -> None:
        self.kafka, self.postgres = KafkaPart(), PostgresPart()
        self.kafka.start()
        self.postgres.start()
        self.dsn = self.postgres.fresh_database()
        folder = scratch_folder("bench-executor")
        keys.make(folder / "keys")
        self.origin = Origin(folder / "keys")
        (port,) = free_ports(1)
        env = os.environ | {
            "FLOWTOWER_KAFKA": self.kafka.bootstrap,
            "FLOWTOWER_DATABASE_URL": self.dsn,
            "FLOWTOWER_PORT": str(port),
            "FLOWTOWER_KEYS_DIR": str(folder / "keys"),
            "FLOWTOWER_LOG_LEVEL": "WARNING",
            "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8",
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *(path for path in sys.path if path)]),
        }
        command = [sys.executable, "-m", "benchmarks._trivial_executor"]
        self.executor = PartProcess("executor", command, folder=folder, env=env)
        self.executor.start(lambda: answers(port), within=60)

    def stop(self) -> None:
        for part in (self.executor, self.postgres, self.kafka):
            part.stop()


class Driver:
    """Sends commands and watches outcomes, as cheaply as it can: it shares the cores with what it measures."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.producer = AIOKafkaProducer(bootstrap_servers=stage.kafka.bootstrap, acks="all", linger_ms=0, max_batch_size=500_000)
        self.consumer = AIOKafkaConsumer(bootstrap_servers=stage.kafka.bootstrap, auto_offset_reset="latest", max_poll_records=5000)

    async def start(self) -> None:
        await create_missing(self.stage.kafka.bootstrap, [wanted(topic) for topic in TOPICS], 1)
        await self.stage.kafka.create_topic("bare.in")
        await self.stage.kafka.create_topic("bare.out")
        await self.producer.start()
        self.consumer.subscribe([RUNS_OUTCOMES.name, "bare.out"])
        await self.consumer.start()
        await self.consumer.getmany(timeout_ms=500)
        components = tuple(Component(name=name, kind="trivial") for name in "ABC")
        joined = tuple(Connection(source=a, target=b, kind="processing") for a, b in ("AB", "BC"))
        definition = WorkflowDefinition(workflow="three", components=components, connections=joined)
        published = WorkflowPublished(workflow_id="w3", version=1, definition=definition, published_at=clock.now())
        await self.producer.send_and_wait(WORKFLOWS_REGISTRY.name, WORKFLOWS_REGISTRY.encode(published), key=b"w3:1")

        async def one_runs() -> bool:
            await self.send([self.command()])
            return await self.finished(1, within=5) > 0

        await eventually(one_runs, within=60, about="a first run")

    async def stop(self) -> None:
        await self.producer.stop()
        await self.consumer.stop()

    @staticmethod
    def command() -> tuple[bytes, bytes]:
        run = uuid.uuid4().hex
        return run.encode(), RUNS_COMMANDS.encode(StartRun(workflow="three", version=1, run_id=run))

    async def send(self, commands: list[tuple[bytes, bytes]]) -> None:
        sent, lanes = [], {}
        for number, (key, value) in enumerate(commands):
            lane = number // 100 % RUNS_COMMANDS.partitions
            batch = lanes.setdefault(lane, self.producer.create_batch())
            if batch.append(key=key, value=value, timestamp=None, headers=self._headers(key, value)) is None:
                sent.append(await self.producer.send_batch(batch, RUNS_COMMANDS.name, partition=lane))
                lanes[lane] = batch = self.producer.create_batch()
                batch.append(key=key, value=value, timestamp=None, headers=self._headers(key, value))
        for lane, batch in lanes.items():
            sent.append(await self.producer.send_batch(batch, RUNS_COMMANDS.name, partition=lane))
        await asyncio.gather(*sent)

    def _headers(self, key: bytes, value: bytes) -> list[tuple[str, bytes]]:
        return [("ce_id", key), self.stage.origin.sign(RUNS_COMMANDS.name, key, key.decode(), value)]

    async def finished(self, count: int, within: float) -> float:
        """Wait for so many finished runs; return when the last one was seen, 0.0 when they did not come."""
        return await self._seen(count, lambda record: b'"event":"run.finished"' in record.value, within)

    async def _seen(self, count: int, wanted: "Callable[[ConsumerRecord[Any, Any]], bool]", within: float) -> float:
        until = time.perf_counter() + within
        while count > 0 and time.perf_counter() < until:
            for records in (await self.consumer.getmany(timeout_ms=200)).values():
                count -= sum(map(wanted, records))
        return time.perf_counter() if count <= 0 else 0.0

    async def throughput(self) -> tuple[float, float]:
        """Return runs per second and the executor's CPU microseconds per run."""
        commands = [self.command() for _ in range(RUNS)]
        process = psutil.Process(self.stage.executor.pid)
        before, began = process.cpu_times(), time.perf_counter()
        await self.send(commands)
        ended = await self.finished(RUNS, within=180)
        after = process.cpu_times()
        if not ended:
            raise RuntimeError(f"not all of {RUNS} runs ended")
        spent = after.user + after.system - before.user - before.system
        return RUNS / (ended - began), spent / RUNS * 1e6

    async def pings(self) -> list[float]:
        took = []
        for _ in range(PINGS):
            began = time.perf_counter()
            await self.send([self.command()])
            took.append(await self.finished(1, within=10) - began)
            await asyncio.sleep(0.005)
        return took

    async def bare(self, commits: int) -> list[float]:
        command = [sys.executable, "-m", "benchmarks._bare_loop", self.stage.kafka.bootstrap, self.stage.dsn, str(commits)]
        loop = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
        try:
            assert loop.stdout is not None
            await asyncio.to_thread(loop.stdout.readline)
            took = []
            for _ in range(PINGS):
                began = time.perf_counter()
                await self.producer.send_and_wait("bare.in", b"x" * 200, key=b"k")
                took.append(await self._seen(1, lambda record: record.topic == "bare.out", 10) - began)
                await asyncio.sleep(0.005)
            return took
        finally:
            loop.terminate()
            loop.wait()


async def raw(dsn: str, seconds: float = 3.0) -> float:
    """Return rows per second of one connection that commits 2,000 rows of an outcome's size at once."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS raw (run_id text, seq int, body bytea, PRIMARY KEY (run_id, seq))")
    insert = "INSERT INTO raw SELECT * FROM unnest($1::text[], $2::int[], $3::bytea[]) ON CONFLICT DO NOTHING"
    rows, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        runs = [uuid.uuid4().hex for _ in range(667)]
        keys_ = [run for run in runs for _ in range(3)]
        await connection.execute(insert, keys_, [1, 2, 3] * 667, [b"x" * 200] * len(keys_))
        rows += len(keys_)
    rate = rows / (time.perf_counter() - began)
    await connection.execute("TRUNCATE raw")
    await connection.close()
    return rate


async def measure(stage: Stage) -> None:
    driver = Driver(stage)
    await driver.start()
    await driver.throughput()  # warms up
    rounds = []
    for number in range(1, ROUNDS + 1):
        limit = await raw(stage.dsn) / 3
        rate, cpu = await driver.throughput()
        rounds.append((rate / limit, rate, limit, cpu))
        print(f"round {number}: {rate:8.0f} runs/s   raw/3 {limit:8.0f}   ratio {rate / limit:.3f}   {cpu:.0f} us cpu/run", flush=True)
    ratio, rate, limit, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
    verdict = "reached" if ratio >= BAR else "NOT reached"
    print(f"durable runs/s: {rate:.0f} (raw/3: {limit:.0f}), ratio {ratio:.3f}, bar {BAR} {verdict}; {cpu:.0f} us cpu/run in the executor")
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, work in (("executor", driver.pings()), ("bare, 1 commit", driver.bare(1)), ("bare, 3 commits", driver.bare(3))):
            took.setdefault(name, []).extend(await work)
    for name, seconds in took.items():
        print(f"request -> outcome on Kafka, {name:16} p50 {quantile(seconds, 0.5):6.2f} ms   p99 {quantile(seconds, 0.99):6.2f} ms")
    await driver.stop()


def main() -> None:
    stage = Stage()
    try:
        uvloop.run(measure(stage))
    finally:
        stage.stop()


if __name__ == "__main__":
    main()
