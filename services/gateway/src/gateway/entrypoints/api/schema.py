"""The API's own description: OpenAPI 3.1 at ``/api/openapi.json``."""

import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from gateway.entrypoints.api.parts import Viewer, router

description = router("", "description")

_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                    "hint": {"type": "string"},
                    "line": {"type": "integer"},
                    "column": {"type": "integer"},
                    "path": {"type": "string"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "/problems/invalid-input",
            "title": "Invalid input",
            "status": 422,
            "detail": "base_url: 'airflow.example.com' has no scheme.",
            "errors": [
                {
                    "field": "base_url",
                    "message": "'airflow.example.com' has no scheme.",
                    "hint": "Write https://airflow.example.com (or http://, when it has no TLS).",
                }
            ],
        }
    ],
}


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Return the document, made anew."""
    routes = [route for route in iter_route_contexts(app.routes) if str(route.path).startswith("/api/")]
    document = get_openapi(
        title="Flowtower",
        version=app.version,
        openapi_version="3.1.0",
        summary="Airflow clusters and flows: read their state, change definitions, start runs.",
        description=(
            "Sign in with 'Authorization: Bearer ft_…' (make a token under your account). Errors are problems (RFC 9457). Lists go on with"
            " 'after'. A PUT needs 'If-Match'. A POST that carries an 'Idempotency-Key' can be repeated."
        ),
        routes=routes,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = _PROBLEM
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    return document


@description.get("/openapi.json", include_in_schema=False)
async def read_openapi(request: Request, who: Viewer) -> Response:  # noqa: ARG001
    # Kept as the bytes that are sent: as objects the document takes 5 MB.
    state = request.app.state
    if not hasattr(state, "openapi"):
        state.openapi = json.dumps(openapi_of(request.app), ensure_ascii=False, separators=(",", ":")).encode()
    return Response(state.openapi, media_type="application/json")
