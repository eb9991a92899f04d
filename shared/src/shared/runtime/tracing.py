"""W3C traces across services: spans, the traceparent that travels in message headers, and the export to any OTLP collector.

Spans are made even when no collector is set: their ids stand in logs, in journals and on run pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.runtime.version import VERSION

_propagator = TraceContextTextMapPropagator()


class _Header(Getter[Mapping[str, str]]):
    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        value = carrier.get(key)
        return None if value is None else [value]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


_header = _Header()


class _Ids(RandomIdGenerator):
    """Random ids, except for a span whose ids are given."""

    def __init__(self) -> None:
        self.given: tuple[int, int] | None = None

    def generate_span_id(self) -> int:
        return super().generate_span_id() if self.given is None else self.given[1]

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self.given is None else self.given[0]


_ids = _Ids()


def configure(service: str, *, instance: str, otlp_endpoint: str | None) -> None:
    """Make the provider of this process. Only the first call of a process counts, as OpenTelemetry has it."""
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    resource = Resource.create({"service.name": f"flowtower-{service}", "service.instance.id": instance, "service.version": VERSION})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=_ids)
    if otlp_endpoint:
        # Imported here: the exporter costs memory that services without a collector need not spend.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def shut_down() -> None:
    """Send what is buffered, for at most a few seconds. Blocks; call it when nothing else runs any more."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def tracer(name: str) -> Tracer:
    """Return the tracer of a module."""
    return trace.get_tracer(name, VERSION)


def current_traceparent() -> str | None:
    """Return the W3C traceparent of the current span, or None outside of any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def _context_of(traceparent: str | None) -> Context:
    return _propagator.extract({"traceparent": traceparent} if traceparent else {}, context=Context(), getter=_header)


@contextmanager
def continue_trace(traceparent: str | None) -> Iterator[None]:
    """Let spans of the block belong to the trace of ``traceparent``; with None or an invalid one they begin a new trace."""
    from opentelemetry import context as contexts  # noqa: PLC0415  (the name would hide our own parameters)

    token = contexts.attach(_context_of(traceparent))
    try:
        yield
    finally:
        contexts.detach(token)


def record_span(
    name: str,
    *,
    trace_id: str,
    span_id: str,
    parent_id: str | None,
    began: datetime,
    ended: datetime,
    attributes: Mapping[str, str | int],
    failed: str | None = None,
) -> None:
    """Record a span that is over already and whose ids stand in a journal. ``failed`` says why, None = it went well.

    Nothing is awaited between setting the ids and making the span, so no other span can get them.
    """
    trace_number = int(trace_id, 16)
    parent = Context()
    if parent_id is not None:
        context = SpanContext(trace_number, int(parent_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        parent = trace.set_span_in_context(NonRecordingSpan(context), Context())
    _ids.given = (trace_number, int(span_id, 16))
    try:
        span = tracer(__name__).start_span(name, context=parent, attributes=dict(attributes), start_time=_nanoseconds(began))
    finally:
        _ids.given = None
    if failed is not None:
        span.set_status(StatusCode.ERROR, failed)
    span.end(_nanoseconds(ended))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000


@contextmanager
def consumer_span(name: str, traceparents: Sequence[str | None], attributes: Mapping[str, str | int]) -> Iterator[Span]:
    """Open the span of one batch: child of the message's span when it holds one message, linked to all of them otherwise."""
    parents = [_context_of(value) for value in dict.fromkeys(traceparents) if value]
    contexts = [trace.get_current_span(parent).get_span_context() for parent in parents]
    parent = parents[0] if len(traceparents) == 1 and parents else Context()
    links = [] if len(traceparents) == 1 else [Link(context) for context in contexts if context.is_valid]
    with tracer(__name__).start_as_current_span(
        name, context=parent, kind=SpanKind.CONSUMER, links=links[:128], attributes=dict(attributes)
    ) as span:
        yield span
