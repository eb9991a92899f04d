"""What 1,000,000 waiting runs (``BENCH_MEMORY``) cost an executor that takes them over, and how soon it works in spite of them.

The rows are copies of a run that the executor has really planned, and belong to it. It is killed and started again: its next life takes
all of them over and looks through them, while its memory is watched; a run that was sent at its start shows when it works again.
"""

import asyncio
import os
import time

import psutil
import uvloop

from benchmarks._engine import Driver, Stage
from benchmarks._figures import note
from benchmarks._filling import a_waiting_run, copy

WAITING = int(os.environ.get("BENCH_MEMORY", "1000000"))
WATCH_SECONDS = 45.0
SETTLED_WITHIN = 120.0
MEMORY_BAR = 400

_UNSETTLED = "SELECT count(*) FROM executors WHERE retired_at IS NOT NULL AND settled_at IS NULL"


class Gauge:
    """The most memory that a process has had, looked at five times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.most = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.most = max(self.most, self._process.memory_info().rss)
            await asyncio.sleep(0.2)

    def spent(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


async def measure(stage: Stage) -> None:
    driver = Driver(stage)
    await driver.start()
    run = await a_waiting_run(driver)
    async with stage.database() as connection:
        await copy(connection, run, WAITING)
        stage.executor.kill()
        began = time.monotonic()
        starting = asyncio.create_task(asyncio.to_thread(stage.start))
        await driver.send([driver.command()])
        if not await driver.finished(1, within=120):
            raise RuntimeError("the executor does not work again")
        works = time.monotonic() - began
        await starting
        gauge = Gauge(stage.executor.pid)
        while await connection.fetchval(_UNSETTLED):
            if time.monotonic() - began > SETTLED_WITHIN:
                raise RuntimeError(f"the waiting runs were not taken over within {SETTLED_WITHIN:g} s")
            await asyncio.sleep(0.2)
        settled = time.monotonic() - began
        print(f"works again after {works:.1f} s, owns all after {settled:.1f} s", flush=True)
    before = gauge.spent()
    await asyncio.sleep(WATCH_SECONDS)
    busy = (gauge.spent() - before) / WATCH_SECONDS * 100
    gauge.task.cancel()
    note(
        "memory",
        f"memory of an executor that takes over {WAITING:,} waiting runs",
        f"at most {gauge.most / 2**20:.0f} MB",
        bar=f"≤ {MEMORY_BAR} MB",
        reached=gauge.most / 2**20 <= MEMORY_BAR,
        beside=f"{busy:.0f} % of a core while it looks through them, beside all else",
    )
    note("memory", "until it ends a new run after kill -9", f"{works:.1f} s", beside=f"it owns all of them after {settled:.1f} s")
    await driver.stop()


def main() -> None:
    stage = Stage()
    try:
        uvloop.run(measure(stage))
    finally:
        stage.stop()


if __name__ == "__main__":
    main()
