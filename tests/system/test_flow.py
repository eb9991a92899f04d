"""A flow through the public API, checked at the far end: what lies in the queue, and what the service was sent."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.testing.kafka import KafkaPart
from shared.testing.orders import by_key, component, fill, order_key
from shared.testing.rabbitmq import RabbitPart
from shared.testing.receiver import Receiver
from shared.testing.tower import Api, Tower
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected

ORDERS = 10_000


def moving(flows: Api, run_id: str, name: str) -> Callable[[], Awaitable[bool]]:
    """Return a look at whether a run's transfer into a component has confirmed something and goes on."""

    async def look() -> bool:
        run = await flows.run(run_id)
        found = [item for item in run["components"] if item["component"] == name]
        return bool(found and (found[0].get("transfer") or {}).get("confirmed", 0) > 0) and run["status"] == "running"

    return look


async def test_orders_go_from_the_topic_into_the_queue_byte_equal_and_in_order(flows: Api, kafka: KafkaPart, rabbitmq: RabbitPart) -> None:
    sent = await fill(kafka, "orders-plain", ORDERS)
    await flows.workflow(
        """
        workflow: orders-plain
        components:
          OrderTopic: {kind: kafka, endpoint: prod-kafka, topic: orders-plain}
          OrderQueue: {kind: mq, endpoint: orders-mq, queue: orders-plain}
        connections:
          - {from: OrderTopic, to: OrderQueue, kind: kafka-to-mq}
        """
    )
    async with rabbitmq.admin() as queues:
        await queues.declare("orders-plain")
        run = await flows.ended(await flows.start("orders-plain"), within=90)
        assert run["status"] == "succeeded", run
        assert component(run, "OrderQueue")["transfer"]["confirmed"] == ORDERS
        assert component(run, "OrderQueue")["transfer"]["duplicates_possible"] == 0
        there = [message.body for message in await queues.take_all("orders-plain")]
    assert sorted(there) == sorted(value for _, value in sent)
    assert by_key((order_key(body), body) for body in there) == by_key(sent)


async def test_a_missing_queue_is_retried_fails_clearly_and_its_retry_alone_completes_the_run(
    flows: Api, kafka: KafkaPart, rabbitmq: RabbitPart, receiver: Receiver
) -> None:
    receiver.clear()
    sent = await fill(kafka, "orders", ORDERS)
    await flows.workflow(
        """
        workflow: order-processing
        description: Replays orders from Kafka into the queue and has them processed
        components:
          OrderTopic:   {kind: kafka, endpoint: prod-kafka, topic: orders}
          OrderQueue:
            {kind: mq, endpoint: orders-mq, queue: orders, retry: {strategy: exponential, first: 500ms, factor: 2, most: 30s, attempts: 3}}
          OrderService: {kind: service, endpoint: order-service, path: /orders, retry: {strategy: fixed, every: 2s, attempts: 3}}
        connections:
          - {from: OrderTopic, to: OrderQueue, kind: kafka-to-mq}
          - {from: OrderQueue, to: OrderService, kind: processing}
        """
    )
    run_id = await flows.start("order-processing")
    failed = await flows.ended(run_id)
    assert failed["status"] == "failed"
    queue = component(failed, "OrderQueue")
    assert queue["status"] == "failed"
    assert queue["failure"]["code"] == "QueueNotFound"
    assert "orders" in queue["failure"]["message"]
    assert "orders-mq" in queue["failure"]["message"]
    attempts = [attempt for attempt in failed["attempts"] if attempt["component"] == "OrderQueue"]
    assert len(attempts) == 3
    assert component(failed, "OrderService")["status"] == "upstream_failed"
    assert receiver.calls("/orders") == []
    topic_before = component(failed, "OrderTopic")

    async with rabbitmq.admin() as queues:
        await queues.declare("orders")
        await flows.post(f"/api/runs/{run_id}/retry/", {"components": ["OrderQueue"], "scope": "only"})

        async def done() -> dict[str, object] | None:
            run = await flows.run(run_id)
            return run if run["status"] == "succeeded" else None

        run = await eventually(done, within=120, every=0.3, about="the retried run succeeded")
        assert component(run, "OrderTopic") == topic_before
        assert component(run, "OrderQueue")["generation"] == 2
        assert await queues.count("orders") == 0
    calls = receiver.calls("/orders")
    assert sorted(call.body for call in calls) == sorted(value for _, value in sent)
    assert by_key((order_key(call.body), call.body) for call in calls) == by_key(sent)
    keys = [call.headers["idempotency-key"] for call in calls]
    assert len(set(keys)) == ORDERS


async def test_cancel_stops_a_run_and_keeps_what_was_confirmed(flows: Api) -> None:
    await flows.workflow(
        """
        workflow: waits-long
        components:
          Gone: {kind: kafka, endpoint: prod-kafka, topic: no-such-topic-here, retry: {strategy: fixed, every: 1h, attempts: 2}}
          OrderQueue: {kind: mq, endpoint: orders-mq, queue: never}
        connections:
          - {from: Gone, to: OrderQueue, kind: kafka-to-mq}
        """
    )
    run_id = await flows.start("waits-long")

    async def waits() -> bool:
        return (await flows.run(run_id))["status"] == "waiting"

    await eventually(waits, within=30, about="the run waits for its second attempt")
    await flows.post(f"/api/runs/{run_id}/cancel/", {"reason": "wrong day"})
    run = await flows.ended(run_id, within=10)
    assert run["status"] == "cancelled"
    assert component(run, "Gone")["status"] == "cancelled"


async def test_cancel_stops_a_transfer_that_moves_and_says_how_far_it_came(flows: Api, kafka: KafkaPart, rabbitmq: RabbitPart) -> None:
    sent = await fill(kafka, "orders-cancelled", 60_000, keys=200)
    await flows.workflow(
        """
        workflow: orders-cancelled
        components:
          OrderTopic: {kind: kafka, endpoint: prod-kafka, topic: orders-cancelled}
          OrderQueue: {kind: mq, endpoint: orders-mq, queue: orders-cancelled, declare: true}
        connections:
          - {from: OrderTopic, to: OrderQueue}
        """
    )
    run_id = await flows.start("orders-cancelled")
    await eventually(moving(flows, run_id, "OrderQueue"), within=60, every=0.05, about="the transfer moves")
    await flows.post(f"/api/runs/{run_id}/cancel/", {"reason": "wrong topic"})
    run = await flows.ended(run_id, within=10)
    assert (run["status"], component(run, "OrderQueue")["status"]) == ("cancelled", "cancelled")
    transfer = component(run, "OrderQueue")["transfer"]
    async with rabbitmq.admin() as queues:
        count = await queues.count("orders-cancelled")
        await asyncio.sleep(1)
        assert await queues.count("orders-cancelled") == count, "something still moved after the run had ended"
        there = [message.body for message in await queues.take_all("orders-cancelled")]
    assert 0 < transfer["confirmed"] <= len(there) <= transfer["read"] < len(sent), transfer
    came = by_key((order_key(body), body) for body in there)
    wanted = by_key(sent)
    assert all(bodies == wanted[key][: len(bodies)] for key, bodies in came.items()), "there is a gap, or another order"


@pytest.mark.chaos
async def test_an_executor_killed_in_the_middle_loses_nothing(flows: Api, tower: Tower, kafka: KafkaPart, rabbitmq: RabbitPart) -> None:
    sent = await fill(kafka, "orders-killed", 60_000, keys=200)
    await flows.workflow(
        """
        workflow: orders-killed
        components:
          OrderTopic: {kind: kafka, endpoint: prod-kafka, topic: orders-killed}
          OrderQueue: {kind: mq, endpoint: orders-mq, queue: orders-killed, declare: true, retry: {strategy: fixed, every: 1s, attempts: 5}}
        connections:
          - {from: OrderTopic, to: OrderQueue}
        """
    )
    run_id = await flows.start("orders-killed")

    await eventually(moving(flows, run_id, "OrderQueue"), within=60, every=0.05, about="the transfer moves")
    await asyncio.to_thread(tower.kill, "executor")
    async with rabbitmq.admin() as queues:
        assert 0 < await queues.count("orders-killed") < len(sent), "the kill came too late to prove anything"
        await asyncio.to_thread(tower.start, "executor")
        run = await flows.ended(run_id, within=120)
        assert run["status"] == "succeeded", run
        there = [message.body for message in await queues.take_all("orders-killed")]
    assert set(there) == {value for _, value in sent}, "an order is missing or changed"
    twice = len(there) - len(sent)
    assert twice <= component(run, "OrderQueue")["transfer"]["duplicates_possible"]
    first = by_key((order_key(body), body) for body in dict.fromkeys(there))
    assert first == by_key(sent), "the order within a key was changed"
