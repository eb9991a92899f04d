"""What the routes share: who asks, pages with Link headers, ETags, and requests that may be repeated."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from gateway.application.answers.base import Page
from gateway.application.ports.work import Remembered, Work
from gateway.entrypoints.api.strict import StrictRoute
from gateway.entrypoints.application import Application, application_of
from gateway.entrypoints.problems import MEDIA_TYPE, Precondition, Replayed
from gateway.identity.guard import Allow
from gateway.identity.principal import Principal, Right

T = TypeVar("T")

App = Annotated[Application, Depends(application_of)]
Public = Annotated[Principal | None, Depends(Allow(Right.PUBLIC))]
Viewer = Annotated[Principal, Depends(Allow(Right.VIEW))]
Operator = Annotated[Principal, Depends(Allow(Right.OPERATE))]
Administrator = Annotated[Principal, Depends(Allow(Right.ADMINISTER))]
After = Annotated[str | None, Query(description="Cursor: the 'next' of the page before.", max_length=1000)]
Limit = Annotated[int, Query(ge=1, le=200, description="Items per page.")]
IfMatch = Annotated[str | None, Header(description="The ETag that the change begins from.")]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="Repeat a request with its key and nothing happens twice."),
]

PROBLEM: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "A problem (RFC 9457): what is wrong, with which field, and the way out.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
    "503": {
        "description": "Something that this needs is away; try again after Retry-After.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}


def router(prefix: str, tag: str) -> APIRouter:
    """Return a router of the API."""
    return APIRouter(prefix=f"/api{prefix}", tags=[tag], route_class=StrictRoute, responses=PROBLEM)


def paged(request: Request, response: Response, page: Page[T]) -> Page[T]:
    """Put the next page into the Link header."""
    if page.next:
        response.headers["Link"] = f'<{request.url.include_query_params(after=page.next).path}?{_query(request, page.next)}>; rel="next"'
    return page


def _query(request: Request, after: str) -> str:
    return request.url.include_query_params(after=after).query


def needed(if_match: str | None) -> str:
    """Return the ETag that a replacement must name."""
    if not if_match:
        raise Precondition("Send 'If-Match' with the ETag that you read, so that nobody's change is lost; '*' takes any.")
    return if_match


def etag(response: Response, value: str) -> None:
    """Name the revision of the answer."""
    response.headers["ETag"] = value


async def once(
    app: Application,
    principal: Principal,
    request: Request,
    key: str | None,
    do: Callable[[Work], Awaitable[tuple[int, dict[str, Any], dict[str, str]]]],
) -> Response:
    """Do it in one transaction. With an Idempotency-Key a repetition gets the first answer, and does nothing."""
    async with app.works.begin() as work:
        if key is None:
            status, answer, headers = await do(work)
            return JSONResponse(answer, status, headers)
        body = await request.body()
        digest = hashlib.sha256(_canonical(body)).hexdigest()
        route = f"{request.method} {request.url.path}"
        held = await work.remember(principal.user_id, route, key)
        if held is not None:
            if held.body_hash != digest:
                raise Replayed("This Idempotency-Key was used with another body. Take a new key for a new request.")
            return JSONResponse(held.answer, held.status, {**held.headers, "Idempotency-Replayed": "true"})
        status, answer, headers = await do(work)
        await work.answered(principal.user_id, route, key, Remembered(body_hash=digest, status=status, answer=answer, headers=headers))
        return JSONResponse(answer, status, headers)


def _canonical(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except ValueError:
        return body
