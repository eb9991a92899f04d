"""An executor as a process of its own, and seeing that executors work."""

import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

from shared.contracts.runs import StartRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.contracts.workflows import Component, FixedRetry, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_ports
from shared.testing.process import PartProcess, scratch_folder


class ExecutorPart:
    """``python -m executor`` as a process of its own."""

    def __init__(self, kafka: KafkaPart, database_url: str, keys_dir: Path, instance: str = "0", **more: str) -> None:
        self.folder = scratch_folder(f"executor-{instance}")
        (self.port,) = free_ports(1)
        self.instance = instance
        self.database_url = database_url
        env = os.environ | {
            "FLOWTOWER_KAFKA": kafka.bootstrap,
            "FLOWTOWER_DATABASE_URL": database_url,
            "FLOWTOWER_PORT": str(self.port),
            "FLOWTOWER_KEYS_DIR": str(keys_dir),
            "FLOWTOWER_INSTANCE": instance,
            "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8,::1/128,localhost",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **more,
        }
        self.process = PartProcess("executor", [sys.executable, "-m", "executor"], folder=self.folder, env=env, stop_within=30)

    def start(self, within: float = 60) -> None:
        self.process.start(self.ready, within=within)

    def ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


async def all_at_work(tower: Any, wanted: set[str], within: float = 90) -> None:
    """Start runs until each of the executors has begun one: the group gives each its share of the commands only by and by."""
    name = f"at-work-{uuid.uuid4().hex[:8]}"
    await tower.endpoint(name, "service", {"base_url": "http://127.0.0.1:9"})  # nobody there: it fails at once, and that is enough
    call = Component(
        name="Call", kind="service", endpoint=name, options={"path": "/", "deliver": "once"}, retry=FixedRetry(every=1, attempts=1)
    )
    await tower.publish(WorkflowDefinition(workflow=name, components=(call,)))
    seen: set[str] = set()
    until = time.monotonic() + within
    while seen < wanted:
        if time.monotonic() > until:
            raise AssertionError(f"after {within:g} s these executors began no run: {', '.join(sorted(wanted - seen))}")
        runs = [uuid.uuid4().hex for _ in range(4 * RUNS_COMMANDS.partitions)]
        for run in runs:
            await tower.command(StartRun(workflow=name, run_id=run), run)
        for run in runs:
            seen.add("/" + (await tower.until(run, "attempt.started", within=within)).host.rpartition("/")[2])
            await tower.until(run, "run.finished")
