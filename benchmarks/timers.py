"""Planned attempts: how late they fire, and what they cost while none is due.

The executor itself begins so many runs (``BENCH_WAITING``, 100,000) whose first attempt fails and whose next one is planned in an hour.
First nothing is due: CPU and memory are watched. Then they are made to come due evenly over a minute (``BENCH_SPREAD`` seconds). An attempt
has fired when the executor hands its ``attempt.started``, already committed, to Kafka: the record's time of this machine's clock.
"""

import asyncio
import os
import time
from datetime import timedelta

import psutil
import uvloop

from benchmarks._engine import PROFILE, Driver, Stage, profiled
from benchmarks._figures import note, quantile
from benchmarks._filling import tidy

WAITING = int(os.environ.get("BENCH_WAITING", "100000"))
SPREAD = float(os.environ.get("BENCH_SPREAD", "60"))
WATCH_SECONDS = 15.0
_AT_ONCE = 5000
_LEAD_SECONDS = 20
"""Between the moment at which the first comes due and the one at which that is written."""
LATE_BAR, CPU_BAR, MEMORY_BAR = 0.250, 5.0, 300


async def plan(driver: Driver) -> None:
    """Have the executor plan an attempt of each run."""
    for first in range(0, WAITING, _AT_ONCE):
        last = min(WAITING, first + _AT_ONCE)
        await driver.send([driver.command("later", f"t{number:031}") for number in range(first, last)])
        if not await driver.seen(last - first, lambda record: b'"next_attempt_at":' in record.value, 90):
            raise RuntimeError(f"not all of the runs {first} to {last} wait for their next attempt")
        if last % (4 * _AT_ONCE) == 0:
            print(f"{last:,} of {WAITING:,} runs wait", flush=True)


async def lateness(driver: Driver) -> list[float]:
    """Let all come due; return how late each fired, in seconds."""
    async with driver.stage.database() as connection:
        base = await connection.fetchval("SELECT clock_timestamp() + make_interval(secs => $1)", float(_LEAD_SECONDS))
        await connection.execute(
            "UPDATE waits SET due_at = $1::timestamptz + (substr(run_id, 2)::int * $2::float8) * interval '1 second'"
            " WHERE run_id LIKE 't%'",
            base,
            SPREAD / WAITING,
        )
        await tidy(connection)
        if await connection.fetchval("SELECT clock_timestamp() > $1", base):
            raise RuntimeError(f"the first came due before that was written; that took longer than {_LEAD_SECONDS} s")
    dues = [base + timedelta(seconds=number * SPREAD / WAITING) for number in range(WAITING)]
    late: dict[int, float] = {}
    until = time.monotonic() + SPREAD + 120
    while len(late) < WAITING and time.monotonic() < until:
        for records in (await driver.consumer.getmany(timeout_ms=200)).values():
            for record in records:
                if record.key.startswith(b"t") and b'"event":"attempt.started"' in record.value:
                    number = int(record.key[1:])
                    late.setdefault(number, record.timestamp / 1000 - dues[number].timestamp())
    if len(late) < WAITING:
        raise RuntimeError(f"{WAITING - len(late)} of {WAITING} planned attempts did not fire")
    return list(late.values())


async def measure(stage: Stage) -> None:
    driver = Driver(stage)
    await driver.start()
    await plan(driver)
    process = psutil.Process(stage.executor.pid)
    await asyncio.sleep(2)
    before, began = process.cpu_times(), time.monotonic()
    await asyncio.sleep(WATCH_SECONDS)
    spent = process.cpu_times()
    busy = (spent.user + spent.system - before.user - before.system) / (time.monotonic() - began) * 100
    memory = process.memory_info().rss / 2**20
    if PROFILE:
        async with profiled(stage, "timers"):
            late = await lateness(driver)
    else:
        late = await lateness(driver)
    after = process.cpu_times()
    cpu = (after.user + after.system - spent.user - spent.system) / WAITING * 1e6
    p50, p99, most = quantile(late, 0.5), quantile(late, 0.99), max(late)
    note(
        "timers",
        f"{WAITING:,} waiting retries, due within {SPREAD:g} s",
        f"late p50 {p50 * 1e3:.0f}, p99 {p99 * 1e3:.0f}, at most {most * 1e3:.0f} ms; {cpu:.0f} µs CPU each",
        bar="p99 ≤ 250 ms",
        reached=p99 <= LATE_BAR,
        beside="the clock",
    )
    note("timers", "CPU while none is due", f"{busy:.1f} %", bar="≤ 5 %", reached=busy <= CPU_BAR, beside="one core")
    note(
        "timers",
        f"memory of the executor that has planned {WAITING:,} waiting runs",
        f"{memory:.0f} MB",
        bar=f"≤ {MEMORY_BAR} MB",
        reached=memory <= MEMORY_BAR,
        beside="–",
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
