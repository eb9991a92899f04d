"""What was registered when an executor had just died is no wrong name: its partitions of the registry are read by nobody for a while."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from executor_part import all_at_work

from shared.contracts.runs import StartRun
from shared.contracts.workflows import Component, WorkflowDefinition
from shared.testing.kafka import KafkaPart

pytestmark = [pytest.mark.connected, pytest.mark.chaos]

NAMES = 8
"""So many that some of them lie on partitions of the one that dies."""


async def test_endpoints_that_nobody_has_read_yet_are_waited_for(
    executor: Any, tower: Any, kafka: KafkaPart, service: Any, executor_keys: Path
) -> None:
    names = [f"late-{uuid.uuid4().hex[:8]}" for _ in range(NAMES)]
    for name in names:
        call = Component(name="Call", kind="service", endpoint=name, options={"path": "/"})  # one attempt
        await tower.publish(WorkflowDefinition(workflow=name, components=(call,)))
    second = type(executor)(kafka, executor.database_url, executor_keys, instance="1")
    await asyncio.to_thread(second.start)
    try:
        await all_at_work(tower, {"/0", "/1"})
    finally:
        second.process.kill()
    for name in names:
        await tower.endpoint(name, "service", {"base_url": service.url})
        await tower.command(StartRun(workflow=name, run_id=name), name)
    for name in names:
        ended = await tower.until(name, "run.finished", within=90)
        assert ended.status == "succeeded", [event.failure for event in tower.of(name) if event.event == "attempt.failed"]
    assert len(service.accepted) == NAMES
