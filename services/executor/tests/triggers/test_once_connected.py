"""Triggers in a storm, and executors that die while they fire: each run is asked for once, and none is lost."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime import failpoints
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.usefixtures("executor")]


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["triggers.after_firings", "outbox.after_commit", "triggers.before_offsets"])
async def test_an_executor_killed_while_it_fires_starts_each_run_once(plant: Any, executor: Any, point: str) -> None:
    await plant.kafka.create_topic(plant.topic, partitions=2)
    await plant.publish(plant.trigger(map={"id": "value.id"}), real=False)
    await plant.stands(trouble="")
    await asyncio.to_thread(executor.process.stop)
    await plant.send(*({"id": number} for number in range(50)))
    environment = dict(executor.process.env)
    executor.process.env = environment | {"FLOWTOWER_FAILPOINTS": f"{point}=exit"}
    executor.process.launch()
    await eventually(lambda: executor.process.exit_code == failpoints.EXIT_CODE, within=60)
    executor.process.env = environment
    await asyncio.to_thread(executor.start)
    await plant.counted("started", 50, within=30)
    await eventually(lambda: len(plant.starts()) == 50, within=30)
    await asyncio.sleep(1)
    assert sorted(event.inputs["id"] for event in plant.starts()) == list(range(50))


@pytest.mark.chaos
async def test_another_executor_takes_a_topic_over_within_ten_seconds(plant: Any, executor: Any, second: Any, rows: Any) -> None:
    await plant.kafka.create_topic(plant.topic)
    await plant.publish(plant.trigger(map={"id": "value.id"}), real=False)
    await plant.stands(trouble="")
    query = "SELECT e.instance FROM triggers t JOIN executors e ON e.epoch = t.owner WHERE t.workflow_id = $1"
    owner = executor if (await rows(query, plant.workflow_id))[0][0] == "0" else second
    await plant.send({"id": 0})
    await plant.counted("started", 1)
    owner.process.kill()
    killed = time.monotonic()
    await plant.send({"id": 1})
    await plant.counted("started", 2, within=15)
    assert time.monotonic() - killed <= 10
    await asyncio.to_thread(owner.start)
    await eventually(lambda: len(plant.starts()) == 2, within=30)


async def test_a_storm_is_taken_in_whole(plant: Any, rows: Any) -> None:
    number = 5000
    await plant.kafka.create_topic(plant.topic, partitions=3)
    await plant.publish(plant.trigger(filter="value.id >= 0", map={"id": "value.id"}, most_per_minute=100_000), real=False)
    await plant.stands(trouble="")
    sent = [await plant.producer.send(plant.topic, b'{"id": %d}' % number) for number in range(number)]
    await asyncio.gather(*sent)
    query = "SELECT count(*), count(DISTINCT run_id) FROM trigger_firings WHERE workflow_id = $1"

    async def all_there() -> bool:
        return tuple((await rows(query, plant.workflow_id))[0]) == (number, number)

    await eventually(all_there, within=60)
    await plant.counted("started", number, within=30)
    assert len(plant.fired("started")) < number / 10, "a storm is told in sums"
    await eventually(lambda: len({event.run_id for event in plant.starts()}) == number, within=120)
    ends = AIOKafkaConsumer(bootstrap_servers=plant.kafka.bootstrap, group_id=f"flowtower.trigger.{plant.workflow_id}.orders")
    await ends.start()
    committed = [await ends.committed(TopicPartition(plant.topic, part)) for part in range(3)]
    await ends.stop()
    assert sum(offset or 0 for offset in committed) == number
