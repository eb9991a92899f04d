"""What outside programs may send at the edges of what can be kept, through real brokers and tables: nothing behind it waits."""

import base64
import json
import random
import uuid
from typing import Any

import pytest

from executor.adapters.journal import COMMANDS
from shared.contracts.runs import StartRun
from shared.contracts.topics import MAX_MESSAGE_BYTES, RUNS_COMMANDS
from shared.contracts.workflows import Component, EventTrigger, WorkflowDefinition
from shared.testing.kafka import KafkaPart
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected


def noise(size: int) -> str:
    """Return a text that no codec makes smaller than three quarters."""
    return base64.b64encode(random.Random(7).randbytes(size)).decode()[:size]


async def test_the_edges_of_what_can_be_kept(executor: Any, tower: Any, flow: Any, kafka: KafkaPart) -> None:
    await flow.fill(1)
    looks = Component(name="OrderTopic", kind="kafka", endpoint=flow.endpoints["kafka"], options={"topic": flow.topic})
    inputs = {"given": {"default": ""}, "filled": {"default": noise(80_000)}}
    definition = WorkflowDefinition(workflow=flow.workflow, components=(looks,), inputs=inputs, triggers=(EventTrigger(kind="event"),))
    await tower.publish(definition)
    # One key, so one partition: each stands behind those before it.
    key, names = b"edge", [f"{number}-{uuid.uuid4().hex[:12]}" for number in range(6)]
    nul, deep, large, too_large, first, last = names
    start = {"command": "start", "workflow": flow.workflow}
    values: list[tuple[Any, list[tuple[str, bytes]]]] = [
        (start | {"version": 3_000_000_000}, []),
        ({"command": "retry", "run_id": large, "scope": "failed", "version": 2**63}, []),
        (start | {"run_id": nul, "inputs": {"given": "a\0b"}, "requested_by": "eve\0"}, []),
        (start | {"run_id": deep, "inputs": {"given": json.loads("[" * 180 + "]" * 180)}}, []),
        (start | {"run_id": large, "inputs": {"given": noise(960_000)}}, []),
        (start | {"run_id": too_large, "inputs": {"given": noise(980_000)}}, []),
        (start | {"inputs": {"given": "billing"}}, [("ce_id", first.encode()), ("ce_source", b"/billing")]),
        (start | {"inputs": {"given": "shop"}}, [("ce_id", first.encode()), ("ce_source", b"/shop")]),
        (start | {"run_id": last}, []),
    ]
    for value, headers in values:
        await tower.producer.send_and_wait(RUNS_COMMANDS.name, json.dumps(value).encode(), key=key, headers=headers)
    assert (await tower.until(last, "run.finished", within=60)).status == "succeeded"

    letters = [record for record in await kafka.read(RUNS_COMMANDS.dead_letter(COMMANDS)) if record.key == key]
    assert [dict(letter.headers)["dl_kind"] for letter in letters] == [b"invalid"] * 2
    assert all(b"version" in dict(letter.headers)["dl_reason"] for letter in letters)
    for run, why in ((nul, "NUL"), (deep, "nested"), (too_large, "may have 1048576")):
        refused = await tower.until(run, "command.refused")
        assert refused.reason.startswith("inputs: ")
        assert why in refused.reason
        assert "\0" not in refused.requested_by

    begun = await tower.until(large, "run.started")
    assert begun.inputs == {"given": noise(960_000), "filled": noise(80_000)}
    (line,) = set(tower.raw[large, 1])
    assert MAX_MESSAGE_BYTES - 20_000 < len(line) <= MAX_MESSAGE_BYTES, "as large as a message may be, and whole"
    assert (await tower.until(large, "run.finished")).status == "succeeded"

    def began() -> dict[str, str]:
        ours = [e for e in tower.events if e.event == "run.started" and e.workflow == flow.workflow]
        return {e.inputs["given"]: e.run_id for e in ours}

    await eventually(lambda: {"billing", "shop"} <= set(began()), within=30, about="a run of each source")
    assert began()["billing"] == first, "the first that gave the id has it"
    assert began()["shop"] != first
    await tower.until(began()["shop"], "run.finished")
    assert executor.process.running


async def test_our_own_starts_pass_the_same_bounds(executor: Any, tower: Any, flow: Any) -> None:
    await flow.fill(1)
    looks = Component(name="OrderTopic", kind="kafka", endpoint=flow.endpoints["kafka"], options={"topic": flow.topic})
    await tower.publish(WorkflowDefinition(workflow=flow.workflow, components=(looks,), inputs={"given": {}}))
    run = uuid.uuid4().hex
    await tower.command(StartRun(workflow=flow.workflow, run_id=run, inputs={"given": "\0"}), run)
    assert "NUL" in (await tower.until(run, "command.refused")).reason
    assert executor.process.running
