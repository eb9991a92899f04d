"""What history costs: runs per second with 1 M finished and 100,000 waiting runs in the tables, beside the same on empty ones.

Two towers stand side by side, each with a Kafka, a PostgreSQL and an executor of its own, and are measured in turns: what else the
machine does is in both. One's tables are filled first. ``BENCH_HISTORY`` and ``BENCH_WAITING`` make it smaller. Runs get ids as the gateway
makes them, which sort by time; ``BENCH_IDS=random`` takes such as programs outside may send, for which each row touches other pages.
"""

import os
import time

import uvloop

from benchmarks._engine import ROUNDS, RUNS, Driver, Stage
from benchmarks._figures import load, medians, note
from benchmarks._filling import a_finished_run, a_waiting_run, copy
from shared.runtime.ids import new_id

FINISHED = int(os.environ.get("BENCH_HISTORY", "1000000"))
WAITING = int(os.environ.get("BENCH_WAITING", "100000"))
RANDOM = os.environ.get("BENCH_IDS", "") == "random"
BAR = 0.8


async def fill(driver: Driver) -> None:
    began = time.monotonic()
    finished, waiting = await a_finished_run(driver), await a_waiting_run(driver)
    async with driver.stage.database() as connection:
        await copy(connection, finished, FINISHED, old=not RANDOM)
        await copy(connection, waiting, WAITING, old=not RANDOM)
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
    print(f"filled within {time.monotonic() - began:.0f} s: {size / 2**30:.1f} GiB", flush=True)


async def measure(bare: Stage, old: Stage) -> None:
    empty, full = Driver(bare), Driver(old)
    for driver in (empty, full):
        await driver.start()
        if not RANDOM:
            driver.new_id = lambda: new_id().replace("-", "")
    await fill(full)
    for driver in (empty, full):
        await driver.throughput(RUNS // 2)  # warms up; pages that the copy pushed out come back
    rounds = []
    for number in range(1, 2 * ROUNDS):  # short ones, so more of them
        # Whoever goes second finds the machine as the first has left it, so they change places.
        turns = (empty, full) if number % 2 else (full, empty)
        found = {driver: await driver.throughput(RUNS // 2) for driver in turns}
        (rate, cpu), (beside, spent) = found[full], found[empty]
        rounds.append((rate / beside, rate, cpu, beside, spent))
        print(
            f"round {number}: {rate:.0f} runs/s, {cpu:.0f} us/run; empty {beside:.0f}, {spent:.0f}; {rate / beside:.2f} ×, load {load()}",
            flush=True,
        )
    ratio, rate, cpu, beside, spent = medians(rounds)
    note(
        "history",
        f"throughput with {FINISHED:,} finished and {WAITING:,} waiting runs{', random ids' if RANDOM else ''}",
        f"{ratio:.2f} × ({rate:.0f} runs/s, {cpu:.0f} µs CPU per run)",
        bar=f"≥ {BAR} ×",
        reached=ratio >= BAR,
        beside=f"itself, empty, in turns: {beside:.0f} runs/s, {spent:.0f} µs",
    )
    for driver in (empty, full):
        await driver.stop()


def main() -> None:
    stages: list[Stage] = []
    try:
        stages.append(Stage())
        stages.append(Stage())
        uvloop.run(measure(*stages))
    finally:
        for stage in stages:
            stage.stop()


if __name__ == "__main__":
    main()
