"""Clusters, endpoints, rules and channels: the same five routes for each."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from gateway.application.commands.definitions import Define
from gateway.application.definitions import Definition, Kind
from gateway.application.ports.work import Work
from gateway.domain.problems import Missing
from gateway.entrypoints.api.parts import Administrator, App, IfMatch, Key, Viewer, etag, needed, once
from gateway.entrypoints.application import Application, actor_of

Show = Callable[[Application, Definition], Awaitable[BaseModel]]


def add_routes(
    router: APIRouter, kind: Kind, given_as: type[BaseModel], shown_as: Any, define: Callable[[Application], Define[Any]], show: Show
) -> None:
    """Add list, create, read, replace and delete of one kind of definition."""
    plural = f"{kind}s"

    async def read(app: App, who: Viewer, definition_id: str, response: Response) -> Any:  # noqa: ARG001
        found = await app.reads.definition(kind, definition_id)
        if found is None:
            raise Missing(kind, definition_id)
        etag(response, found.etag)
        return await show(app, found)

    async def create(app: App, who: Administrator, request: Request, given: given_as, key: Key = None) -> Response:  # type: ignore[valid-type]
        await define(app).ask(given)
        made: list[Definition] = []

        async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
            definition = await define(app).create(actor_of(request, who), given, work=work)
            made.append(definition)
            headers = {"ETag": definition.etag, "Location": f"/api/{plural}/{definition.id}/"}
            return 201, (await show(app, definition)).model_dump(mode="json"), headers

        return await once(app, who, request, key, do)

    async def replace(
        app: App,
        who: Administrator,
        request: Request,
        definition_id: str,
        given: given_as,  # type: ignore[valid-type]
        if_match: IfMatch = None,
    ) -> Response:
        after = await define(app).replace(actor_of(request, who), definition_id, given, if_match=needed(if_match))
        return JSONResponse((await show(app, after)).model_dump(mode="json"), headers={"ETag": after.etag})

    async def delete(app: App, who: Administrator, request: Request, definition_id: str, if_match: IfMatch = None) -> Response:
        await define(app).delete(actor_of(request, who), definition_id, if_match=if_match)
        return Response(status_code=204)

    path = "/{definition_id}/"
    router.add_api_route(
        "/", create, methods=["POST"], status_code=201, response_model=shown_as, name=f"create_{kind}", summary=f"Register a {kind}"
    )
    router.add_api_route(path, read, methods=["GET"], response_model=shown_as, name=f"read_{kind}", summary=f"Read a {kind}")
    router.add_api_route(path, replace, methods=["PUT"], response_model=shown_as, name=f"replace_{kind}", summary=f"Replace a {kind}")
    router.add_api_route(
        path, delete, methods=["DELETE"], status_code=204, response_class=Response, name=f"delete_{kind}", summary=f"Delete a {kind}"
    )
