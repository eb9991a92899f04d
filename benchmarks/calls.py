"""What a call of a workflow costs: runs of three calls to a service, all at once, beside bare calls over kept connections.

A run is three components of the kind `service`, one after the other, each outcome committed before the next call; the service answers
at once. The bare calls are made by httpx in this process, with the same number under way. CPU per call is what is compared: ours has
the journal, its events and the endpoint's secrets in it.
"""

import asyncio
import os
import time

import httpx
import psutil

from benchmarks._figures import load, medians, note
from shared.testing.storm import Fleet

RUNS = int(os.environ.get("BENCH_CALL_RUNS", "600"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
UNDER_WAY = 50
CALLS = 3


async def bare(url: str, calls: int) -> float:
    """Return the CPU seconds of one bare call."""

    async def some() -> None:
        # One connection for each: a pool that many share is looked through at each call.
        async with httpx.AsyncClient(trust_env=False) as client:
            for number in range(calls // UNDER_WAY):
                (await client.post(url, headers={"Idempotency-Key": f"bare-{number}"}, content=b"{}")).raise_for_status()

    before = time.process_time()
    await asyncio.gather(*(some() for _ in range(UNDER_WAY)))
    return (time.process_time() - before) / (calls // UNDER_WAY * UNDER_WAY)


async def ours(fleet: Fleet) -> tuple[float, float]:
    """Return the executor's CPU seconds per call, and runs per second."""
    process = psutil.Process(fleet.executors[0].process.pid)
    before, began = process.cpu_times(), time.perf_counter()
    await fleet.ended(await fleet.send(RUNS), within=240)
    took, after = time.perf_counter() - began, process.cpu_times()
    return (after.user + after.system - before.user - before.system) / RUNS / CALLS, RUNS / took


async def measure() -> None:
    fleet = Fleet(1)
    await fleet.start()
    try:
        url = f"http://127.0.0.1:{fleet.counter.port}/bare"
        await ours(fleet)  # warms up
        rounds = []
        for number in range(1, ROUNDS + 1):
            other = await bare(url, RUNS * CALLS)
            cpu, rate = await ours(fleet)
            rounds.append((cpu / other, cpu, other, rate))
            print(
                f"round {number}: {cpu * 1e3:.2f} ms CPU per call, {rate:.0f} runs/s; bare {other * 1e3:.2f} ms; load {load()}", flush=True
            )
        ratio, cpu, other, rate = medians(rounds)
        note(
            "calls",
            "CPU of a call to a service, journalled",
            f"{cpu * 1e3:.2f} ms, {ratio:.1f} × bare ({rate:.0f} runs/s of three calls)",
            beside=f"httpx over a kept connection, its server in the same process: {other * 1e3:.2f} ms",
        )
    finally:
        await fleet.stop()


def main() -> None:
    asyncio.run(measure())


if __name__ == "__main__":
    main()
