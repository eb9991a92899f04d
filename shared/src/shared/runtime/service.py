"""The life of a service: HTTP at once, parts in the background as their dependencies come, an orderly stop.

Stop: not ready → parts drain (stop claiming, finish, commit, leave) → HTTP requests finish → parts stop in reverse order.
"""

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from sqlalchemy.exc import DBAPIError

from shared.runtime import failpoints, logging, metrics, tracing
from shared.runtime.health import answer_away, health_routes
from shared.runtime.http_tracing import TraceRequests
from shared.runtime.parts import Away, Checked, Drains, NotReady, Part, Readiness
from shared.runtime.settings import ServiceSettings
from shared.runtime.version import VERSION

__all__ = ["Away", "NotReady", "Part", "Readiness", "Service", "run"]

log = logging.get_logger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 3.0
_DRAIN_SECONDS = 16.0
_STOP_SECONDS = 6.0
_HTTP_SECONDS = 5
_OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""FastAPI's own is off: `TraceRequests` makes the one span of a request, and its logs would hold what people sent."""


@dataclass
class _Named:
    name: str
    part: Part
    started: bool = False
    trouble: str = "waits for the parts before it"


class Service:
    """What ``main.build`` returns: an app, its readiness and its parts. Nothing connects before ``run``."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.settings = settings
        logging.configure(name, level=settings.log_level, form=settings.log_format)
        tracing.configure(name, instance=settings.instance, otlp_endpoint=settings.otlp_endpoint)
        if settings.failpoints:
            failpoints.configure(settings.failpoints)
        metrics.BUILD.labels(name, VERSION).set(1)
        self.readiness = Readiness()
        self.readiness.add("parts", self._check_parts)
        # The interactive pages of FastAPI load scripts from elsewhere, so no service has them.
        self.app = FastAPI(
            title=f"Flowtower {name}", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None, telemetry=_OWN_TELEMETRY
        )
        self.app.add_middleware(TraceRequests)
        self.app.add_exception_handler(Away, answer_away)
        self.app.add_exception_handler(DBAPIError, answer_away)
        self.app.include_router(health_routes(name, self.readiness))
        self._parts: list[_Named] = []

    def add(self, part: Part, *, name: str) -> None:
        """Add a part. Parts start in this order, each when the one before it runs, and stop in reverse.

        One that has a ``check`` is asked under ``name`` whenever somebody asks whether the service is ready.
        """
        if isinstance(part, Checked):
            self.readiness.add(name, part.check)
        self._parts.append(_Named(name, part))

    async def _check_parts(self) -> None:
        for named in self._parts:
            if not named.started:
                raise NotReady(f"{named.name}: {named.trouble}")

    async def start_parts(self) -> None:
        """Start every part, waiting for dependencies that are away. Any other error is raised: the service can't work."""
        for named in self._parts:
            turn = 0
            while not named.started:
                try:
                    named.trouble = "is starting"
                    await named.part.start()
                except Away as away:
                    if turn == 0:
                        log.warning("waits for a dependency", part=named.name, reason=str(away))
                    named.trouble = str(away)
                    await asyncio.sleep(min(_LONGEST_WAIT, _FIRST_WAIT * 2**turn))
                    turn = min(turn + 1, 10)
                else:
                    named.started = True
        log.info("all parts run")

    async def drain_parts(self) -> None:
        """Let every part that takes work finish, while everything it needs still lives."""
        for named in reversed(self._parts):
            if named.started and isinstance(named.part, Drains):
                await _within(named.part.drain(), _DRAIN_SECONDS, named.name, "drain")

    async def stop_parts(self) -> None:
        """Stop every part, last one first. One that fails does not keep the others from stopping."""
        for named in reversed(self._parts):
            # Also one that was only starting: it may have opened something.
            await _within(named.part.stop(), _STOP_SECONDS, named.name, "stop")
            named.started = False


async def _within(work: "asyncio.Future[None] | object", seconds: float, part: str, doing: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work  # type: ignore[misc]
    except TimeoutError:
        log.warning("a part took too long", part=part, doing=doing, seconds=seconds)
    except Exception:
        log.exception("a part failed on the way down", part=part, doing=doing)


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling: the stop order is ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def http_config(service: Service) -> uvicorn.Config:
    """How the service answers HTTP.

    Behind trusted proxies the client is the last address of X-Forwarded-For that is none of them: each proxy adds the one
    that it heard from behind what was there, so what a client wrote there itself is never reached.
    """
    settings = service.settings
    return uvicorn.Config(
        service.app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio" if importlib.util.find_spec("websockets") else "none",
        ws_per_message_deflate=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=_HTTP_SECONDS,
    )


async def serve(service: Service) -> int:
    """Run until a signal or a fatal error; return the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = _Server(http_config(service))
    http = asyncio.create_task(server.serve(), name="http")
    parts = asyncio.create_task(service.start_parts(), name="parts")
    ticking = asyncio.create_task(_watch_loop(service), name="event loop watch")
    stopping = asyncio.create_task(stop.wait(), name="stop signal")
    code = await _until_the_end(service, http, parts, stopping)
    service.readiness.stopping = True
    metrics.READY.labels(service.name).set(0)
    log.info("stopping")
    parts.cancel()
    await asyncio.gather(parts, return_exceptions=True)
    await service.drain_parts()
    server.should_exit = True
    await asyncio.gather(http, return_exceptions=True)
    await service.stop_parts()
    ticking.cancel()
    stopping.cancel()
    await asyncio.gather(ticking, stopping, return_exceptions=True)
    log.info("stopped")
    return code


async def _until_the_end(service: Service, http: "asyncio.Task[None]", parts: "asyncio.Task[None]", stopping: "asyncio.Task[bool]") -> int:
    waiting: set[asyncio.Task[object]] = {http, parts, stopping}
    while True:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if stopping in done:
            return 0
        if http in done:
            # Uvicorn has logged why; most often the port is taken.
            log.error("HTTP ended", host=service.settings.host, port=service.settings.port, exc_info=_error_of(http))
            return 1
        if parts in done:
            if error := _error_of(parts):
                log.critical("a part can't start", exc_info=error)
                return 1
            waiting.discard(parts)


def _error_of(task: "asyncio.Task[None]") -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _watch_loop(service: Service) -> None:
    """Measure how late the event loop runs and keep the readiness metric fresh."""
    turn = 0
    while True:
        began = time.monotonic()
        await asyncio.sleep(1)
        late = time.monotonic() - began - 1
        metrics.LOOP_LAG.set(max(0.0, late))
        if late > 0.25:
            log.warning("the event loop was blocked", seconds=round(late, 3))
        turn += 1
        if turn % 5 == 0:
            ready = all(result.ok for result in (await service.readiness.look()).values())
            metrics.READY.labels(service.name).set(1 if ready else 0)


def run(service: Service) -> None:
    """Run the service until it is told to stop; the process ends with 0 then, and with 1 when it could not work."""
    import uvloop  # noqa: PLC0415  (a process that only builds a service, as tests do, needs no event loop of its own)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(serve(service))
        tracing.shut_down()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    os._exit(code) if code else sys.exit(0)
