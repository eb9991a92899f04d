"""An OpenTelemetry collector for tests: takes spans over OTLP/HTTP and keeps them."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from threading import Lock

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from shared.testing.loopback import LoopbackServer


@dataclass(frozen=True)
class SeenSpan:
    """One exported span; ids in hex, `parent_id` empty for a root, `links` = (trace id, span id) of others."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[tuple[str, str], ...]


class Collector:
    """The collector of a test session."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spans: list[SeenSpan] = []
        self._server = LoopbackServer(_handler(self))
        self.endpoint = self._server.base_url

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def spans(self, trace_id: str | None = None) -> list[SeenSpan]:
        """Return the spans received so far, of one trace if it is named."""
        with self._lock:
            return [span for span in self._spans if trace_id in {None, span.trace_id}]

    def take(self, body: bytes) -> None:
        """Keep the spans of one export."""
        request = ExportTraceServiceRequest.FromString(body)
        found: list[SeenSpan] = []
        for resource in request.resource_spans:
            service = next((pair.value.string_value for pair in resource.resource.attributes if pair.key == "service.name"), "")
            for scope in resource.scope_spans:
                found.extend(
                    SeenSpan(
                        service,
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    )
                    for span in scope.spans
                )
        with self._lock:
            self._spans.extend(found)


_UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress, "": bytes}


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            known = self.path == "/v1/traces"
            if known:
                collector.take(_UNPACK[self.headers.get("Content-Encoding") or ""](body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.close_connection = True
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Stay quiet; the spans are kept."""

    return Handler
