"""DBOS with a workflow of three steps that do nothing: run in the peers' own environment, ``_dbos_peer.py DATABASE_URL RUNS IN_FLIGHT``.

Prints one JSON object per line: ``{"way", "rate", "cpu"}``, runs per second and CPU microseconds of this process per run, for
workflows called in this process and for workflows that are enqueued and started by its queue.
"""

import asyncio
import json
import sys
import time

from dbos import DBOS, DBOSConfig, SetWorkflowID  # type: ignore[import-not-found,unused-ignore]


@DBOS.step()
async def step(number: int) -> int:
    return number + 1


@DBOS.workflow()
async def three(number: int) -> int:
    for _ in range(3):
        number = await step(number)
    return number


async def called(runs: int, in_flight: int) -> None:
    gate = asyncio.Semaphore(in_flight)

    async def one(number: int) -> None:
        async with gate:
            with SetWorkflowID(f"called-{time.time_ns()}-{number}"):
                assert await three(number) == number + 3

    await asyncio.gather(*(one(number) for number in range(runs)))


async def queued(runs: int, _in_flight: int) -> None:
    handles = [await DBOS.enqueue_workflow_async("peers", three, number) for number in range(runs)]
    for number, handle in enumerate(handles):
        assert await handle.get_result() == number + 3


async def main(url: str, runs: int, in_flight: int) -> None:
    config: DBOSConfig = {"name": "peers", "system_database_url": url, "log_level": "ERROR", "executor_id": "peer", "sys_db_pool_size": 20}
    DBOS(config=config)
    DBOS.launch()
    await DBOS.register_queue_async("peers", polling_interval_sec=0.05, concurrency=in_flight)
    await called(10, in_flight)
    for way in (called, queued):
        before, began = time.process_time(), time.perf_counter()
        await way(runs, in_flight)
        took, spent = time.perf_counter() - began, time.process_time() - before
        print(json.dumps({"way": way.__name__, "rate": runs / took, "cpu": spent / runs * 1e6}), flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
