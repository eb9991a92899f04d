"""What every service answers to whoever watches it: alive, ready with reasons, metrics, version."""

import platform

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.runtime.database import why_away
from shared.runtime.logging import get_logger
from shared.runtime.parts import Readiness
from shared.runtime.version import VERSION

log = get_logger(__name__)


def health_routes(service: str, readiness: Readiness) -> APIRouter:
    """Return the four routes. They need no sign-in and tell nothing secret; the default bind address is this machine alone."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        # A process that does not get on ends itself (shared.runtime.consumer.watch), so answering is enough.
        return {"status": "alive", "service": service}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        results = await readiness.look()
        ready = all(result.ok for result in results.values())
        checks = {name: {"ok": result.ok, "reason": result.reason, "seconds": round(result.seconds, 4)} for name, result in results.items()}
        return JSONResponse({"ready": ready, "service": service, "checks": checks}, status_code=200 if ready else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @router.get("/version")
    async def version() -> dict[str, str]:
        return {"service": service, "version": VERSION, "python": platform.python_version()}

    return router


async def answer_away(request: Request, error: Exception) -> JSONResponse:
    """Answer 503 while a dependency is away: the request was not at fault and may be repeated. Other errors go on."""
    reason = why_away(error)
    if reason is None:
        raise error
    log.warning("a request found a dependency away", path=request.url.path, reason=reason)
    problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": "A part of Flowtower is away; try again."}
    return JSONResponse(problem, 503, {"Retry-After": "5"}, "application/problem+json")
