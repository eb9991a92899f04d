"""The way of one request: from the command's send to ``run.finished`` seen on the topic, three components between them.

With one run in flight beside a bare loop that reads a message, commits three times (once) and writes a message; then at 200 runs
a second, open loop: each run is sent when its time has come, whatever became of those before it.
"""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import uvloop

from benchmarks._engine import PROFILE, ROUNDS, Driver, Stage, profiled
from benchmarks._figures import medians, note, quantile
from shared.contracts.topics import RUNS_COMMANDS

PINGS = int(os.environ.get("BENCH_PINGS", "200"))
PER_SECOND = 200
SECONDS = 10
BAR = 1.5
RESTATE_IDLE = 9.4e-3
"""p50 of Restate with one run in flight, seconds, measured once on the same kind of machine; the bar at 200/s is 0.4 of it."""


async def pings(driver: Driver) -> list[float]:
    took = []
    for _ in range(PINGS):
        began = time.perf_counter()
        await driver.send([driver.command()])
        took.append(await driver.finished(1, within=10) - began)
        await asyncio.sleep(0.005)
    return took


async def bare(driver: Driver, commits: int) -> list[float]:
    stage = driver.stage
    command = [sys.executable, "-m", "benchmarks._bare_loop", stage.kafka.bootstrap, stage.dsn, str(commits)]
    loop = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    try:
        assert loop.stdout is not None
        await asyncio.to_thread(loop.stdout.readline)
        took = []
        for _ in range(PINGS):
            began = time.perf_counter()
            await driver.producer.send_and_wait("bare.in", b"x" * 200, key=b"k")
            took.append(await driver.seen(1, lambda record: record.topic == "bare.out", 10) - began)
            await asyncio.sleep(0.005)
        return took
    finally:
        loop.terminate()
        loop.wait()


async def open_loop(driver: Driver) -> tuple[list[float], float]:
    """Return how long each run took, and the executor's CPU in microseconds per run."""
    sent: dict[bytes, float] = {}
    took: list[float] = []
    total = PER_SECOND * SECONDS
    process = psutil.Process(driver.stage.executor.pid)
    before = process.cpu_times()

    async def send() -> None:
        began = time.perf_counter()
        for number in range(total):
            await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
            run = uuid.uuid4().hex
            key, value = driver.command(run=run)
            sent[key] = began + number / PER_SECOND
            await driver.producer.send(RUNS_COMMANDS.name, value, key=key, headers=driver.headers(key, value))

    sending = asyncio.create_task(send())
    until = time.perf_counter() + SECONDS + 60
    while len(took) < total and time.perf_counter() < until:
        for records in (await driver.consumer.getmany(timeout_ms=200)).values():
            now = time.perf_counter()
            took += [now - sent[record.key] for record in records if b'"event":"run.finished"' in record.value and record.key in sent]
    await sending
    if len(took) < total:
        raise RuntimeError(f"{total - len(took)} of {total} runs did not end")
    after = process.cpu_times()
    return took, (after.user + after.system - before.user - before.system) / total * 1e6


async def measure(stage: Stage) -> None:
    driver = Driver(stage)
    await driver.start("bare.in", "bare.out")
    await pings(driver)  # warms up
    rounds, ours, theirs = [], [], []
    for number in range(1, ROUNDS + 1):
        three, mine, one = await bare(driver, 3), await pings(driver), await bare(driver, 1)
        ours += mine
        theirs += three
        p50, bare50, one50 = (quantile(took, 0.5) for took in (mine, three, one))
        rounds.append((p50 / bare50, p50, bare50, one50))
        print(
            f"round {number}: {p50 * 1e3:.2f} ms   bare, 3 commits {bare50 * 1e3:.2f}   1 commit {one50 * 1e3:.2f}   {p50 / bare50:.2f} ×"
        )
    if PROFILE:
        async with profiled(stage, "latency"):
            await pings(driver)
    ratio, p50, bare50, _ = medians(rounds)
    p99, bare99 = quantile(ours, 0.99), quantile(theirs, 0.99)
    note(
        "latency",
        "request on Kafka → outcome on Kafka, 1 in flight",
        f"{ratio:.2f} × (p50 {p50 * 1e3:.2f}, p99 {p99 * 1e3:.1f} ms)",
        bar=f"p50 ≤ {BAR} ×",
        reached=ratio <= BAR,
        beside=f"the bare Kafka → 3 commits → Kafka loop: {bare50 * 1e3:.2f}, {bare99 * 1e3:.1f} ms",
    )
    if PROFILE:
        async with profiled(stage, "latency-200"):
            await open_loop(driver)
    spread = []
    for _ in range(ROUNDS):
        took, cpu = await open_loop(driver)
        spread.append((quantile(took, 0.5), quantile(took, 0.99), cpu))
    p50, p99, cpu = medians(spread)
    note(
        "latency",
        f"the same at {PER_SECOND} runs/s, open loop",
        f"p50 {p50 * 1e3:.2f}, p99 {p99 * 1e3:.1f} ms, {cpu:.0f} µs CPU per run",
        bar=f"p50 ≤ {0.4 * RESTATE_IDLE * 1e3:.2f} ms",
        reached=p50 <= 0.4 * RESTATE_IDLE,
        beside=f"0.4 × Restate idle, {RESTATE_IDLE * 1e3:.1f} ms (measured elsewhere; `peers` measures it here where it is installed)",
    )
    await driver.stop()


def main() -> None:
    stage = Stage()
    try:
        uvloop.run(measure(stage))
    finally:
        stage.stop()


if __name__ == "__main__":
    main()
