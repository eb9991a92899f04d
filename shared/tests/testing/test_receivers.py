import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from shared.testing.collector import Collector
from shared.testing.receiver import Receiver

pytestmark = pytest.mark.connected


@pytest.fixture
async def client(receiver: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    receiver.clear()
    async with httpx.AsyncClient(base_url=receiver.base_url, trust_env=False) as client:
        yield client


async def test_the_receiver_remembers_and_fails_as_told(receiver: Receiver, client: httpx.AsyncClient) -> None:
    receiver.fail(1, 429)
    assert (await client.post("/orders", content=b"first")).status_code == 429
    assert (await client.post("/orders", content=b"second", headers={"Traceparent": "x"})).status_code == 200
    assert [(call.body, call.status) for call in receiver.calls("/orders")] == [(b"first", 429), (b"second", 200)]
    assert receiver.calls()[1].headers["traceparent"] == "x"
    await asyncio.to_thread(receiver.stop)
    with pytest.raises(httpx.ConnectError):
        await client.post("/orders")
    receiver.start()
    assert (await client.post("/orders")).status_code == 200


async def test_the_collector_keeps_spans_of_a_real_exporter(collector: Collector) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "probe"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{collector.endpoint}/v1/traces", timeout=5)))
    tracer = provider.get_tracer("probe")

    def two_spans() -> None:
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
            pass
        provider.shutdown()

    await asyncio.to_thread(two_spans)
    inner, outer = (span for span in collector.spans() if span.service == "probe")
    assert (inner.name, outer.name) == ("inner", "outer")
    assert (inner.trace_id, inner.parent_id, outer.parent_id) == (outer.trace_id, outer.span_id, "")
    assert collector.spans("0" * 32) == []
