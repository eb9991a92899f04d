"""kill -9 at full load: how long until there is a new outcome, where the same executor starts again and where another takes over.

A new outcome is a ``component.finished`` that nobody has seen before, of a run that the killed executor had begun; what is only published
again does not count. The clock starts with the start of the new process (restart), or with the kill (take-over).
"""

import asyncio
import os
import time
from collections.abc import Callable

import uvloop

from benchmarks._engine import ROUNDS, Driver, Stage
from benchmarks._figures import note, quantile

RUNS = int(os.environ.get("BENCH_RECOVERY_RUNS", "6000"))
RESTART_BAR, TAKE_OVER_BAR = 2.0, 10.0


class Watch:
    """Everything seen of the runs of one round."""

    def __init__(self, driver: Driver, runs: set[bytes]) -> None:
        self._driver = driver
        self._runs = runs
        self.outcomes: dict[tuple[bytes, bytes], float] = {}
        self.begun: dict[bytes, str] = {}  # run → host of its first attempt
        self.ended: set[bytes] = set()

    async def look(self, enough: Callable[[], bool], within: float) -> None:
        """Read until ``enough``; raise when it does not come."""
        until = time.monotonic() + within
        while not enough():
            if time.monotonic() > until:
                raise RuntimeError(f"{len(self._runs) - len(self.ended)} of {len(self._runs)} runs have not ended")
            for records in (await self._driver.consumer.getmany(timeout_ms=50)).values():
                for record in records:
                    if record.key in self._runs:
                        self._take(record.key, record.value)

    def _take(self, run: bytes, value: bytes) -> None:
        if b'"event":"component.finished"' in value:
            name = value.partition(b'"component":"')[2].partition(b'"')[0]
            self.outcomes.setdefault((run, name), time.monotonic())
        elif b'"event":"attempt.started"' in value:
            self.begun.setdefault(run, value.partition(b'"host":"')[2].partition(b'"')[0].decode())
        elif b'"event":"run.finished"' in value:
            self.ended.add(run)


async def one_round(driver: Driver, *, restart: bool) -> float:
    """Kill the first executor in the middle; return the seconds until the first new outcome of its runs."""
    commands = [driver.command() for _ in range(RUNS)]
    watch = Watch(driver, {key for key, _ in commands})
    await driver.send(commands)
    await watch.look(lambda: len(watch.ended) > RUNS // 4, within=120)
    victim = driver.stage.executors[0]
    victim.kill()
    began = time.monotonic()
    await watch.look(lambda: time.monotonic() > began + 0.5, within=10)  # what it had published
    seen = set(watch.outcomes)
    hosts = {run for run, host in watch.begun.items() if host.endswith("/0")} - watch.ended
    starting = None
    if restart:
        began = time.monotonic()
        starting = asyncio.create_task(asyncio.to_thread(driver.stage.start))

    def fresh() -> list[float]:
        return [at for (run, name), at in watch.outcomes.items() if (run, name) not in seen and run in hosts]

    await watch.look(lambda: bool(fresh()), within=60)
    took = min(fresh()) - began
    await watch.look(lambda: len(watch.ended) == RUNS, within=120)
    if starting is not None:
        await starting
    else:
        await asyncio.to_thread(driver.stage.start)
    return took


async def measured(executors: int) -> list[float]:
    stage = Stage(executors)
    try:
        driver = Driver(stage)
        await driver.start()
        await driver.throughput(RUNS)  # warms up
        took = [await one_round(driver, restart=executors == 1) for _ in range(ROUNDS)]
        await driver.stop()
    finally:
        stage.stop()
    return took


def main() -> None:
    """Measure both ways."""
    for executors, what, bar in (
        (1, "killed at full load and started again", RESTART_BAR),
        (2, "killed at full load, another takes over", TAKE_OVER_BAR),
    ):
        took = uvloop.run(measured(executors))
        p50 = quantile(took, 0.5)
        note(
            "recovery",
            f"{what}: first new outcome",
            f"{p50:.1f} s (at most {max(took):.1f} s)",
            bar=f"≤ {bar:g} s",
            reached=p50 <= bar,
            beside="the start of the new process" if executors == 1 else "the kill; lease 6 s",
        )


if __name__ == "__main__":
    main()
