"""What history costs: runs per second with 1 M finished and 100,000 waiting runs in the tables, beside the same on empty ones.

Both can't be measured in turns on one database, so each round stands beside the raw limit of the same minute, and the two ratios are
compared: what else the machine does is in both. ``BENCH_HISTORY`` and ``BENCH_WAITING`` make it smaller.
"""

import os
import time

import uvloop

from benchmarks._engine import ROUNDS, RUNS, Driver, Stage, raw
from benchmarks._figures import load, medians, note
from benchmarks._filling import a_finished_run, a_waiting_run, copy

FINISHED = int(os.environ.get("BENCH_HISTORY", "1000000"))
WAITING = int(os.environ.get("BENCH_WAITING", "100000"))
BAR = 0.8


async def rounds_of(driver: Driver, name: str) -> list[float]:
    """Return medians of: the rate as a part of raw, runs/s, raw/3, CPU per run."""
    rounds = []
    for number in range(1, ROUNDS + 1):
        limit = await raw(driver.stage.dsn) / 3
        rate, cpu = await driver.throughput(RUNS // 2)
        rounds.append((rate / limit, rate, limit, cpu))
        print(
            f"{name}, round {number}: {rate:.0f} runs/s, raw/3 {limit:.0f}, {rate / limit:.3f} ×, {cpu:.0f} us/run, load {load()}",
            flush=True,
        )
    return medians(rounds)


async def measure(stage: Stage) -> None:
    driver = Driver(stage)
    await driver.start()
    await driver.throughput(RUNS // 2)  # warms up
    empty = await rounds_of(driver, "empty")
    began = time.monotonic()
    finished, waiting = await a_finished_run(driver), await a_waiting_run(driver)
    async with stage.database() as connection:
        await copy(connection, finished, FINISHED, "f")
        await copy(connection, waiting, WAITING, "w")
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
    print(f"filled within {time.monotonic() - began:.0f} s: {size / 2**30:.1f} GiB", flush=True)
    await driver.throughput(RUNS // 4)  # pages that the copy pushed out come back
    full = await rounds_of(driver, "full")
    note(
        "history",
        f"throughput with {FINISHED:,} finished and {WAITING:,} waiting runs",
        f"{full[0] / empty[0]:.2f} × ({full[1]:.0f} runs/s, {full[3]:.0f} µs CPU per run)",
        bar=f"≥ {BAR} ×",
        reached=full[0] / empty[0] >= BAR,
        beside=f"itself, empty: {empty[1]:.0f} runs/s, {empty[3]:.0f} µs; each as a part of raw",
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
