"""One W3C trace from the click, or from the producer's traceparent, to the last component of a run."""

import json
import re

import pytest
from aiokafka import AIOKafkaProducer

from shared.runtime.ids import new_id
from shared.testing.collector import Collector, SeenSpan
from shared.testing.kafka import KafkaPart
from shared.testing.rabbitmq import RabbitPart
from shared.testing.receiver import Receiver
from shared.testing.tower import Api
from shared.testing.wait import eventually

pytestmark = [pytest.mark.connected, pytest.mark.timeout(600)]

WORKFLOW = """\
workflow: traced
components:
  Topic: {kind: kafka, endpoint: traced-kafka, topic: traced}
  Queue: {kind: mq, endpoint: traced-mq, queue: traced}
  Service: {kind: service, endpoint: traced-service, path: /traced}
connections:
  - {from: Topic, to: Queue, kind: kafka-to-mq}
  - {from: Queue, to: Service, kind: processing}
triggers:
  - {kind: event}
"""


@pytest.fixture(scope="module")
async def traced(api: Api, kafka: KafkaPart, rabbitmq: RabbitPart, receiver: Receiver) -> str:
    """Publish a workflow from Kafka over a queue to a service, and put three orders into its topic."""
    await kafka.create_topic("traced")
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    for number in range(3):
        await producer.send_and_wait("traced", json.dumps({"order": number}).encode(), key=b"k")
    await producer.stop()
    async with rabbitmq.admin() as queues:
        await queues.declare("traced")
    await api.endpoint("traced-kafka", "kafka", {"bootstrap_servers": kafka.bootstrap})
    await api.endpoint("traced-mq", "mq", {"host": "127.0.0.1", "port": rabbitmq.port, "username": "guest"}, secrets={"password": "guest"})
    await api.endpoint("traced-service", "service", {"base_url": receiver.base_url})
    await api.workflow(WORKFLOW)
    return "traced"


async def whole_trace(collector: Collector, trace_id: str, ids: set[str]) -> dict[str, SeenSpan]:
    """Wait until the spans with these ids have been exported, and return the trace by span id."""

    async def complete() -> dict[str, SeenSpan]:
        seen = {span.span_id: span for span in collector.spans(trace_id)}
        assert ids <= seen.keys(), f"missing {ids - seen.keys()} of {[span.name for span in seen.values()]}"
        return seen

    return await eventually(complete, within=20, every=0.3, about="the whole trace")


async def test_from_the_click_to_the_service(api: Api, traced: str, kafka: KafkaPart, receiver: Receiver, collector: Collector) -> None:
    receiver.clear()
    trace_id, parent = new_id().replace("-", ""), "00f067aa0ba902b7"
    run_id = await api.start(traced, headers={"traceparent": f"00-{trace_id}-{parent}-01"})
    run = await api.ended(run_id)
    assert run["status"] == "succeeded", run
    assert run["trace_id"] == trace_id

    # Every call of the last component carries the trace, with the id of the attempt that made it.
    calls = receiver.calls("/traced")
    assert sorted(json.loads(call.body)["order"] for call in calls) == [0, 1, 2]
    attempts = {attempt["component"]: attempt["span_id"] for attempt in run["attempts"]}
    assert {call.headers["traceparent"] for call in calls} == {f"00-{trace_id}-{attempts['Service']}-01"}

    # What is published about the run carries it too.
    records = [record for record in await kafka.read("runs.outcomes.v1") if json.loads(record.value)["run_id"] == run_id]
    assert records
    assert {dict(record.headers)["traceparent"].decode().split("-")[1] for record in records} == {trace_id}

    # And as spans: click → run → attempts, each below the one that caused it.
    spans = await whole_trace(collector, trace_id, {run["span_id"], *attempts.values()})
    (click,) = [span for span in spans.values() if span.parent_id == parent]
    assert click.service == "flowtower-gateway"
    assert click.name.startswith("POST /api/runs")
    assert spans[run["span_id"]].service == "flowtower-executor"
    ancestors = [run["span_id"]]
    while ancestors[-1] in spans:
        ancestors.append(spans[ancestors[-1]].parent_id)
    way = [(span.service, span.name, span.span_id, span.parent_id) for span in spans.values()]
    assert click.span_id in ancestors, f"the run hangs below the click: {way}"
    assert {spans[span_id].parent_id for span_id in attempts.values()} == {run["span_id"]}


async def test_from_the_producers_traceparent(
    api: Api, traced: str, outside: AIOKafkaProducer, receiver: Receiver, collector: Collector
) -> None:
    receiver.clear()
    run_id, trace_id, parent = new_id(), new_id().replace("-", ""), "53995c3f42cd8ad8"
    start = json.dumps({"command": "start", "workflow": traced, "run_id": run_id}).encode()
    await outside.send_and_wait("runs.commands.v1", start, headers=[("traceparent", f"00-{trace_id}-{parent}-01".encode())])

    async def known() -> bool:
        return (await api.client.get(f"/api/runs/{run_id}/")).status_code == 200

    await eventually(known, within=30)
    run = await api.ended(run_id)
    assert (run["status"], run["trace_id"], run["parent_span_id"]) == ("succeeded", trace_id, parent)
    assert {call.headers["traceparent"].split("-")[1] for call in receiver.calls("/traced")} == {trace_id}
    spans = await whole_trace(collector, trace_id, {run["span_id"]})
    assert spans[run["span_id"]].parent_id == parent


async def test_the_run_page_shows_the_trace(api: Api, traced: str) -> None:
    run = await api.ended(await api.start(traced))
    page = await api.client.get(f"/runs/{run['id']}/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert re.fullmatch(r"[0-9a-f]{32}", run["trace_id"])
    assert run["trace_id"] in page.text
