"""Temporal with workflows of three steps that do nothing: run in the peers' own environment beside the server that ``_temporal.py`` starts.

``_temporal_peer.py ADDRESS NAMESPACE SERVER_PID RUNS IN_FLIGHT`` prints one JSON object per line, for steps that are activities and
for steps that are local activities: ``{"way", "rate", "cpu", "server", "p50", "p99"}``. That is runs per second; CPU microseconds per
run, of this process (worker and client) and of the server; milliseconds of a run with one in flight.
"""

import asyncio
import json
import os
import sys
import time
from datetime import timedelta

import psutil
from temporalio import activity, workflow  # type: ignore[import-not-found,unused-ignore]
from temporalio.client import Client  # type: ignore[import-not-found,unused-ignore]
from temporalio.worker import UnsandboxedWorkflowRunner, Worker  # type: ignore[import-not-found,unused-ignore]

QUEUE = "peers"
WITHIN = timedelta(seconds=60)


@activity.defn
async def step(number: int) -> int:
    return number + 1


@workflow.defn
class Activities:
    @workflow.run
    async def run(self, number: int) -> int:
        for _ in range(3):
            number = await workflow.execute_activity(step, number, start_to_close_timeout=WITHIN)
        return number


@workflow.defn
class LocalActivities:
    @workflow.run
    async def run(self, number: int) -> int:
        for _ in range(3):
            number = await workflow.execute_local_activity(step, number, start_to_close_timeout=WITHIN)
        return number


WAYS = {"activities": Activities.run, "local activities": LocalActivities.run}


async def measured(client: Client, way: str, runs: int, in_flight: int) -> list[float]:
    """Make runs; return the seconds of each."""
    left = iter(range(runs))
    took: list[float] = []

    async def ask() -> None:
        for number in left:
            began = time.perf_counter()
            name = f"{way}-{time.time_ns()}-{number}"
            # Eager: the start brings its first task back at once, because the worker is in this process.
            answer = await client.execute_workflow(WAYS[way], number, id=name, task_queue=QUEUE, request_eager_start=True)
            assert answer == number + 3
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(ask() for _ in range(in_flight)))
    return took


async def main(address: str, namespace: str, server: int, runs: int, in_flight: int) -> None:
    client = await Client.connect(address, namespace=namespace)
    spent = psutil.Process(server).cpu_times
    workflows = [Activities, LocalActivities]
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=QUEUE, workflows=workflows, activities=[step], workflow_runner=runner):
        for way in WAYS:
            await measured(client, way, in_flight, in_flight)  # warms up
            other, own, began = spent(), time.process_time(), time.perf_counter()
            await measured(client, way, runs, in_flight)
            took, own, now = time.perf_counter() - began, time.process_time() - own, spent()
            peer = now.user + now.system - other.user - other.system
            alone = sorted(await measured(client, way, runs // 6, 1))
            found = {"way": way, "rate": runs / took, "cpu": own / runs * 1e6, "server": peer / runs * 1e6}
            found |= {"p50": alone[len(alone) // 2] * 1e3, "p99": alone[int(len(alone) * 0.99)] * 1e3}
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])))
    # The SDK's threads can crash an interpreter that takes itself apart; all has been said by now.
    os._exit(0)
