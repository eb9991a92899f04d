"""The stage of the benchmarks of the engine: real Kafka, real PostgreSQL, executors as processes, and a driver beside them."""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from benchmarks._shipped import hides_development
from shared.contracts.runs import StartRun
from shared.contracts.topics import RUNS_COMMANDS, RUNS_OUTCOMES, TOPICS, WORKFLOWS_REGISTRY
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition, WorkflowPublished
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
PROFILE = os.environ.get("BENCH_PROFILE", "")
"""A folder for py-spy's stacks of the executors; unset, nothing is recorded."""

_FINISHED = b'"event":"run.finished"'


def three() -> WorkflowDefinition:
    """Return the workflow of three components that do nothing, one after the other."""
    components = tuple(Component(name=name, kind="trivial") for name in "ABC")
    joined = tuple(Connection(source=a, target=b, kind="processing") for a, b in ("AB", "BC"))
    return WorkflowDefinition(workflow="three", components=components, connections=joined)


def later() -> WorkflowDefinition:
    """Return the workflow of one component whose first attempt fails and whose next one is planned in an hour."""
    retry = FixedRetry(every=3600, attempts=3)
    return WorkflowDefinition(workflow="later", components=(Component(name="A", kind="second-time", retry=retry),), connections=())


class Stage:
    """Kafka, PostgreSQL and executors, each a process of its own."""

    def __init__(self, executors: int = 1) -> None:
        self.kafka, self.postgres = KafkaPart(), PostgresPart()
        self.kafka.start()
        self.postgres.start()
        self.dsn = self.postgres.fresh_database()
        self._keys = scratch_folder("bench-keys") / "keys"
        keys.make(self._keys)
        self.origin = Origin(self._keys)
        self.executors = [self._executor(number) for number in range(executors)]
        for number in range(executors):
            self.start(number)

    @property
    def executor(self) -> PartProcess:
        return self.executors[0]

    def _executor(self, number: int) -> PartProcess:
        (port,) = free_ports(1)
        env = os.environ | {
            "FLOWTOWER_KAFKA": self.kafka.bootstrap,
            "FLOWTOWER_DATABASE_URL": self.dsn,
            "FLOWTOWER_PORT": str(port),
            "FLOWTOWER_INSTANCE": str(number),
            "FLOWTOWER_KEYS_DIR": str(self._keys),
            "FLOWTOWER_LOG_LEVEL": "WARNING",
            "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8",
            "PYTHONPATH": os.pathsep.join([str(hides_development()), str(Path.cwd()), *(path for path in sys.path if path)]),
        }
        command = [sys.executable, "-m", "benchmarks._trivial_executor"]
        return PartProcess(f"executor-{number}", command, folder=scratch_folder("bench-executor"), env=env)

    def start(self, number: int = 0) -> None:
        """Start an executor and wait until its port answers."""
        port = int(self.executors[number].env["FLOWTOWER_PORT"])
        self.executors[number].start(lambda: answers(port), within=90)

    def stop(self) -> None:
        for executor in self.executors:
            executor.stop()
        self.postgres.stop()
        self.kafka.stop()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """Give a connection to the executor's schema without a limit of time."""
        connection = await asyncpg.connect(self.dsn, server_settings={"search_path": "executor"})
        try:
            yield connection
        finally:
            await connection.close()


class Driver:
    """Sends commands and watches outcomes, as cheaply as it can: it shares the cores with what it measures."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.new_id: Callable[[], str] = lambda: uuid.uuid4().hex
        self.producer = AIOKafkaProducer(bootstrap_servers=stage.kafka.bootstrap, acks="all", linger_ms=0, max_batch_size=500_000)
        self.consumer = AIOKafkaConsumer(bootstrap_servers=stage.kafka.bootstrap, auto_offset_reset="latest", max_poll_records=5000)

    async def start(self, *topics: str) -> None:
        """Connect, publish the workflows and see a first run through; ``topics`` are read beside the outcomes."""
        await create_missing(self.stage.kafka.bootstrap, [wanted(topic) for topic in TOPICS], 1)
        for topic in topics:
            await self.stage.kafka.create_topic(topic)
        await self.producer.start()
        self.consumer.subscribe([RUNS_OUTCOMES.name, *topics])
        await self.consumer.start()
        await self.consumer.getmany(timeout_ms=500)
        for definition in (three(), later()):
            published = WorkflowPublished(
                workflow_id=f"id-{definition.workflow}", version=1, definition=definition, published_at=clock.now()
            )
            key = f"id-{definition.workflow}:1".encode()
            await self.producer.send_and_wait(WORKFLOWS_REGISTRY.name, WORKFLOWS_REGISTRY.encode(published), key=key)

        async def one_runs() -> bool:
            await self.send([self.command()])
            return await self.finished(1, within=5) > 0

        await eventually(one_runs, within=90, about="a first run")

    async def stop(self) -> None:
        await self.producer.stop()
        await self.consumer.stop()

    @staticmethod
    def command(workflow: str = "three", run: str = "") -> tuple[bytes, bytes]:
        run = run or uuid.uuid4().hex
        return run.encode(), RUNS_COMMANDS.encode(StartRun(workflow=workflow, version=1, run_id=run))

    async def send(self, commands: list[tuple[bytes, bytes]]) -> None:
        sent: list[Any] = []
        lanes: dict[int, Any] = {}
        for number, (key, value) in enumerate(commands):
            lane = number // 100 % RUNS_COMMANDS.partitions
            batch = lanes.setdefault(lane, self.producer.create_batch())
            if batch.append(key=key, value=value, timestamp=None, headers=self.headers(key, value)) is None:
                sent.append(await self.producer.send_batch(batch, RUNS_COMMANDS.name, partition=lane))
                lanes[lane] = batch = self.producer.create_batch()
                batch.append(key=key, value=value, timestamp=None, headers=self.headers(key, value))
        for lane, batch in lanes.items():
            sent.append(await self.producer.send_batch(batch, RUNS_COMMANDS.name, partition=lane))
        await asyncio.gather(*sent)

    def headers(self, key: bytes, value: bytes) -> list[tuple[str, bytes]]:
        """Return what a command of the gateway carries: its id, and the proof of where it comes from."""
        return [("ce_id", key), self.stage.origin.sign(RUNS_COMMANDS.name, key, key.decode(), value)]

    async def finished(self, count: int, within: float) -> float:
        """Wait for so many finished runs; return when the last one was seen, 0.0 when they did not come."""
        return await self.seen(count, lambda record: _FINISHED in record.value, within)

    async def seen(self, count: int, wanted: "Callable[[ConsumerRecord[Any, Any]], bool]", within: float) -> float:
        """Wait for so many records; return when the last one was seen, 0.0 when they did not come."""
        until = time.perf_counter() + within
        while count > 0 and time.perf_counter() < until:
            for records in (await self.consumer.getmany(timeout_ms=200)).values():
                count -= sum(map(wanted, records))
        return time.perf_counter() if count <= 0 else 0.0

    async def throughput(self, runs: int = RUNS) -> tuple[float, float]:
        """Return runs per second and the executor's CPU microseconds per run."""
        commands = [self.command(run=self.new_id()) for _ in range(runs)]
        process = psutil.Process(self.stage.executor.pid)
        before, began = process.cpu_times(), time.perf_counter()
        await self.send(commands)
        ended = await self.finished(runs, within=180)
        after = process.cpu_times()
        if not ended:
            raise RuntimeError(f"not all of {runs} runs ended")
        spent = after.user + after.system - before.user - before.system
        return runs / (ended - began), spent / runs * 1e6


async def raw(dsn: str, seconds: float = 3.0) -> float:
    """Return rows per second of one connection that commits 2,000 rows of an outcome's size at once."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS raw (run_id text, seq int, body bytea, PRIMARY KEY (run_id, seq))")
    insert = "INSERT INTO raw SELECT * FROM unnest($1::text[], $2::int[], $3::bytea[]) ON CONFLICT DO NOTHING"
    rows, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        runs = [uuid.uuid4().hex for _ in range(667)]
        keys_ = [run for run in runs for _ in range(3)]
        await connection.execute(insert, keys_, [1, 2, 3] * 667, [os.urandom(100).hex().encode()] * len(keys_))
        rows += len(keys_)
    rate = rows / (time.perf_counter() - began)
    await connection.execute("TRUNCATE raw")
    await connection.close()
    return rate


@asynccontextmanager
async def profiled(stage: Stage, name: str, number: int = 0, folder: Path | None = None) -> AsyncIterator[None]:
    """Have py-spy write down where an executor's time goes, in ``folder``, or where ``BENCH_PROFILE`` says; without either, nowhere."""
    if folder is None and not PROFILE:
        yield
        return
    place = (folder or Path(PROFILE)) / f"{name}.stacks"
    place.parent.mkdir(parents=True, exist_ok=True)
    command = [
        str(Path(sys.executable).parent / "py-spy"),
        "record",
        "--nonblocking",
        "--subprocesses",
        "--format",
        "raw",
        "--rate",
        "200",
        "--duration",
        "3600",
    ]
    spy = subprocess.Popen(
        [*command, "-o", str(place), "-p", str(stage.executors[number].pid)], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    await asyncio.sleep(1)
    try:
        yield
    finally:
        spy.send_signal(2)
        await asyncio.to_thread(spy.wait, 30)
        print(f"where the time goes: {place}", flush=True)
