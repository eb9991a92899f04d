"""DAG runs started and watched by workflows: a real executor and a real cluster-poller, over simulated clusters."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.clusters import ClusterRegistered
from shared.contracts.runs import StartRun
from shared.contracts.topics import CLUSTERS_REGISTRY
from shared.contracts.workflows import Component, Connection, FixedRetry, WorkflowDefinition
from shared.runtime.sealed import SealingKey
from shared.testing.kafka import KafkaPart
from shared.testing.ports import answers, free_port
from shared.testing.postgres import PostgresPart
from shared.testing.process import PartProcess, scratch_folder
from shared.testing.wait import eventually
from simulated_airflow.catalogue import DagSpec, TaskSpec
from simulated_airflow.serving import Simulated, simulated_cluster

pytestmark = [pytest.mark.connected, pytest.mark.usefixtures("executor")]

DAGS = (
    DagSpec("quick", (TaskSpec("one", seconds=(0.1, 0.2)),)),
    DagSpec("slow", (TaskSpec("one", seconds=(6.0, 6.5)),)),
    DagSpec("broken", (TaskSpec("one", seconds=(0.1, 0.2), chance_of_failure=1.0),)),
    DagSpec("endless", (TaskSpec("one", hangs=True),)),
)


@pytest.fixture(scope="module")
def poller(kafka: KafkaPart, postgres: PostgresPart, executor_keys: Path, tower: Any) -> Iterator[PartProcess]:
    """Give a running poller; the topics are there, because the tower made them."""
    port = free_port()
    env = os.environ | {
        "FLOWTOWER_KAFKA": kafka.bootstrap,
        "FLOWTOWER_DATABASE_URL": postgres.fresh_database(),
        "FLOWTOWER_KEYS_DIR": str(executor_keys),
        "FLOWTOWER_PORT": str(port),
        "FLOWTOWER_EGRESS_ALLOW": "127.0.0.0/8",
        "FLOWTOWER_POLLER_LEAST_SECONDS": "0.5",
        "FLOWTOWER_POLLER_ANSWER_SECONDS": "4",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    process = PartProcess("poller", [sys.executable, "-m", "cluster_poller"], folder=scratch_folder("poller"), env=env)
    process.start(lambda: answers(port) and httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200, within=120)
    yield process
    process.stop()


@pytest.fixture(scope="module")
async def cluster(poller: PartProcess, executor_keys: Path, tower: Any) -> AsyncIterator[tuple[str, Simulated]]:
    """Give the name of a registered cluster, and the cluster."""
    name = f"eu-{uuid.uuid4().hex[:8]}"
    sealed = SealingKey.from_file(executor_keys / "cluster-poller.pub").seal(b"admin", owner=f"id-{name}")
    with simulated_cluster("v2", DAGS) as simulated:
        event = ClusterRegistered(
            cluster_id=f"id-{name}", name=name, base_url=simulated.url, username="admin", sealed_secret=sealed, poll_seconds=1.0
        )
        await tower.send(CLUSTERS_REGISTRY, event, event.cluster_id)
        # Whoever asks before the executor knows the cluster is told so, and asks again.
        probe = Component(
            name="Probe", kind="airflow", options={"cluster": name, "dag_id": "quick"}, retry=FixedRetry(every=0.5, attempts=60)
        )
        assert (await tower.until(await start(tower, probe), "run.finished", within=60)).status == "succeeded"
        yield name, simulated
    await tower.producer.send_and_wait(CLUSTERS_REGISTRY.name, None, key=f"id-{name}".encode())


async def start(tower: Any, *components: Component, edges: tuple[tuple[str, str], ...] = ()) -> str:
    workflow, run = f"dags-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    connections = tuple(Connection(source=a, target=b, kind="then") for a, b in edges)
    await tower.publish(WorkflowDefinition(workflow=workflow, components=components, connections=connections))
    await tower.command(StartRun(workflow=workflow, run_id=run, inputs={"day": "2026-11-22"}), run)
    return run


def part(name: str, cluster: str, **options: Any) -> Component:
    return Component(name=name, kind="airflow", options={"cluster": cluster} | options)


async def test_a_dag_run_is_started_with_its_configuration_and_waited_for(tower: Any, cluster: tuple[str, Simulated]) -> None:
    name, simulated = cluster
    run = await start(
        tower,
        part("First", name, dag_id="quick", conf={"day": "{day}", "n": 1}),
        part("Again", name, dag_id="quick", conf={"after": "{outputs.First.dag_run_id}"}),
        part("Known", name, dag_id="quick", do="watch", dag_run_id="{outputs.First.dag_run_id}"),
        edges=(("First", "Again"), ("First", "Known")),
    )
    assert (await tower.until(run, "run.finished", within=60)).status == "succeeded"
    first = await tower.until(run, "component.finished", component="First")
    assert first.output["dag_run_id"] == f"flowtower__{run}:First:1"
    assert (first.output["state"], first.output["cluster"]) == ("success", name)
    there = {key[1]: value for key, value in simulated.world.runs.items() if run in key[1]}
    assert {key: value.state for key, value in there.items()} == {f"flowtower__{run}:{c}:1": "success" for c in ("First", "Again")}
    assert there[f"flowtower__{run}:First:1"].conf == {"day": "2026-11-22", "n": 1}
    assert there[f"flowtower__{run}:Again:1"].conf == {"after": first.output["dag_run_id"]}


async def test_what_airflow_ends_or_refuses_fails_the_component(tower: Any, cluster: tuple[str, Simulated]) -> None:
    name, _ = cluster
    run = await start(
        tower,
        part("Broken", name, dag_id="broken"),
        part("Fine", name, dag_id="broken", states=["failed"]),
        part("Nowhere", name, dag_id="nowhere"),
        part("Endless", name, dag_id="endless", at_most="4s"),
        part("Started", name, dag_id="endless", wait=False),
        part("Lost", "no-such-cluster", dag_id="quick"),
    )
    assert (await tower.until(run, "run.finished", within=60)).status == "failed"
    failures = {event.component: event.failure for event in tower.of(run) if event.event == "attempt.failed"}
    assert {name: (failure.code, failure.retryable) for name, failure in failures.items()} == {
        "Broken": ("DagRunFailed", False),
        "Nowhere": ("CommandRefused", False),
        "Endless": ("WaitOver", False),
        "Lost": ("ClusterUnknown", True),
    }
    assert failures["Broken"].answer == "state: failed"
    assert "nowhere" in failures["Nowhere"].message
    assert (await tower.until(run, "component.finished", component="Fine")).status == "succeeded"
    assert (await tower.until(run, "component.finished", component="Started")).output["state"] in {"queued", "running"}


async def test_the_wait_outlives_the_executor_and_says_when_the_cluster_is_away(
    executor: Any, tower: Any, cluster: tuple[str, Simulated]
) -> None:
    name, simulated = cluster
    run = await start(tower, part("Slow", name, dag_id="slow"), part("Next", name, dag_id="quick", do="watch"))
    dag_run = ("slow", f"flowtower__{run}:Slow:1")
    await eventually(lambda: dag_run in simulated.world.runs, within=30)
    os.kill(executor.process.pid, signal.SIGKILL)
    await eventually(lambda: not executor.process.running, within=30)
    executor.process.stop()
    simulated.set(status=503)
    await asyncio.to_thread(executor.start)

    async def told() -> Any:
        events = [event for event in tower.of(run) if event.event == "attempt.progressed" and event.attempt > 1]
        return next((event for event in events if "The wait goes on" in event.message), None)

    said = await eventually(told, within=30, about="the wait says that the cluster is away")
    assert said.transfer is None
    assert name in said.message
    simulated.set(status=0)
    assert (await tower.until(run, "component.finished", within=60, component="Slow")).status == "succeeded"
    assert [key for key in simulated.world.runs if key[0] == "slow"] == [dag_run]
    # The one that waits for the next run of another DAG is still there, and takes the first that comes.
    other = await start(tower, part("Quick", name, dag_id="quick"))
    assert (await tower.until(run, "run.finished", within=60)).status == "succeeded"
    seen = await tower.until(run, "component.finished", component="Next")
    assert seen.output["dag_run_id"] == f"flowtower__{other}:Quick:1"
    codes = [event.failure.code for event in tower.of(run) if event.event == "attempt.failed"]
    assert set(codes) == {"ExecutorLost"}
