"""Durable runs of three trivial components, each outcome committed before the next component starts, through real Kafka.

Raw limit, in the same rounds: one connection that commits rows of the same size in groups of 2,000; a run is three of them. Ours
writes four entries per run (its start, and each outcome), an inbox row, a run's row and the run's end, and publishes eight
events; nothing is switched off for the measurement: events, metrics, journal, validation and the trace's ids are on.
"""

import uvloop

from benchmarks._engine import PROFILE, ROUNDS, Driver, Stage, profiled, raw
from benchmarks._figures import load, medians, note

BAR, FLOOR = 0.25, 0.10


async def measure(stage: Stage) -> None:
    driver = Driver(stage)
    await driver.start()
    await driver.throughput()  # warms up
    rounds = []
    for number in range(1, ROUNDS + 1):
        limit = await raw(stage.dsn) / 3
        rate, cpu = await driver.throughput()
        rounds.append((rate / limit, rate, limit, cpu))
        print(
            f"round {number}: {rate:8.0f} runs/s   raw/3 {limit:8.0f}   ratio {rate / limit:.3f}   {cpu:.0f} us cpu/run   load {load()}",
            flush=True,
        )
    if PROFILE:
        async with profiled(stage, "runs"):
            await driver.throughput()
    ratio, rate, limit, cpu = medians(rounds)
    note(
        "runs",
        "durable runs/s, 3 components, everything on",
        f"{ratio:.3f} × raw ({rate:.0f} runs/s, {cpu:.0f} µs CPU per run)",
        bar=f"≥ {BAR} × (floor {FLOOR})",
        reached=ratio >= BAR,
        beside=f"one connection group-committing the same rows ÷ 3: {limit:.0f}/s",
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
