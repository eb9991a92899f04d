"""kill -9 at full load: how long until there is a new outcome, where the same executor starts again and where another takes over.

A new outcome is a ``component.finished`` that was decided after the kill (its own ``at``), of a run that the killed executor had begun;
what was decided before and is only published now does not count. The clock starts with the start of the new process (restart), or with
the kill (take-over), and stops when the event is handed to Kafka: the record's time of this machine's clock.
"""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

import uvloop

from benchmarks._engine import ROUNDS, Driver, Stage
from benchmarks._figures import note, quantile
from executor.domain.events import stamp
from shared.contracts.topics import RUNS_COMMANDS

RUNS = int(os.environ.get("BENCH_RECOVERY_RUNS", "12000"))
RESTART_BAR, TAKE_OVER_BAR = 2.0, 10.0


class Watch:
    """Everything seen of the runs of one round."""

    def __init__(self, driver: Driver, runs: set[bytes]) -> None:
        self._driver = driver
        self._runs = runs
        self._seen: set[tuple[bytes, bytes]] = set()
        self.outcomes: list[tuple[bytes, str, float]] = []  # run, decided at, handed to Kafka at
        self.begun: dict[bytes, tuple[str, str]] = {}  # run → host and time of its first attempt
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
                        self._take(record.key, record.value, record.timestamp / 1000)

    def _take(self, run: bytes, value: bytes, handed: float) -> None:
        if b'"event":"component.finished"' in value:
            place = (run, _text(value, b"component").encode())
            if place not in self._seen:
                self._seen.add(place)
                self.outcomes.append((run, _text(value, b"at"), handed))
        elif b'"event":"attempt.started"' in value:
            self.begun.setdefault(run, (_text(value, b"host"), _text(value, b"at")))
        elif b'"event":"run.finished"' in value:
            self.ended.add(run)

    def whole(self) -> bool:
        """Whether all runs have ended."""
        return len(self.ended) == len(self._runs)

    def fresh(self, since: str) -> list[float]:
        """Return when outcomes were handed to Kafka that were decided since then, of runs that executor 0 had begun before."""
        found = []
        for run, at, handed in self.outcomes:
            host, begun = self.begun.get(run, ("", ""))
            if at >= since and host.endswith("/0") and begun < since:
                found.append(handed)
        return found


def _text(value: bytes, name: bytes) -> str:
    return value.partition(b'"%b":"' % name)[2].partition(b'"')[0].decode()


async def one_round(driver: Driver, *, restart: bool) -> float:
    """Kill the first executor in the middle; return the seconds until the first new outcome of its runs."""
    commands = [driver.command() for _ in range(RUNS)]
    watch = Watch(driver, {key for key, _ in commands})
    await driver.send(commands)
    await watch.look(lambda: len(watch.ended) > RUNS // 10, within=120)
    driver.stage.executors[0].kill()
    killed = time.time()
    since = stamp(datetime.fromtimestamp(killed, UTC))
    await asyncio.sleep(0.5)
    began, starting = killed, None
    if restart:
        began = time.time()
        starting = asyncio.create_task(asyncio.to_thread(driver.stage.start))
    await watch.look(watch.whole, within=120)
    if starting is not None:
        await starting
    else:
        await asyncio.to_thread(driver.stage.start)
    fresh = watch.fresh(since)
    if not fresh:
        raise RuntimeError("nothing was under way when the executor was killed: raise BENCH_RECOVERY_RUNS")
    print(f"{len(fresh):,} outcomes after the kill, the first after {min(fresh) - began:.2f} s", flush=True)
    return min(fresh) - began


async def all_at_work(driver: Driver) -> None:
    """Wait until every executor begins runs: after a kill, the group gives a partition back only by and by."""
    hosts: set[str] = set()
    until = time.monotonic() + 90
    while len(hosts) < len(driver.stage.executors):
        if time.monotonic() > until:
            raise RuntimeError(f"only {', '.join(hosts) or 'no executor'} began runs")
        commands = [driver.command() for _ in range(100 * RUNS_COMMANDS.partitions)]
        watch = Watch(driver, {key for key, _ in commands})
        await driver.send(commands)
        await watch.look(watch.whole, within=90)
        hosts = {host for host, _ in watch.begun.values()}


async def measured(executors: int) -> list[float]:
    stage = Stage(executors)
    try:
        driver = Driver(stage)
        await driver.start()
        took = []
        for _ in range(ROUNDS):
            await all_at_work(driver)
            await driver.throughput(RUNS // 2)  # warms up
            took.append(await one_round(driver, restart=executors == 1))
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
