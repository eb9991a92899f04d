"""Puts a simulated cluster together as an ASGI application."""

from datetime import timedelta
from typing import Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulated_airflow.catalogue import DagSpec
from simulated_airflow.misbehaviour import Misbehaviour
from simulated_airflow.server import Cluster
from simulated_airflow.v1 import DialectV1
from simulated_airflow.v2 import DialectV2

USERS = {"admin": "admin", "op": "op", "viewer": "viewer"}


def build(
    name: Literal["v1", "v2"],
    dags: tuple[DagSpec, ...],
    *,
    seed: int = 1,
    users: dict[str, str] | None = None,
    history: timedelta = timedelta(hours=1),
) -> Misbehaviour:
    """Build one cluster. ``users`` maps names to passwords; ``viewer`` may only read."""
    cluster = Cluster(dags, seed=seed, users=dict(users or USERS), history=history)
    dialect = DialectV1(cluster) if name == "v1" else DialectV2(cluster)

    async def not_found(_: Request, __: Exception) -> Response:
        if name == "v1":
            return Response("<!doctype html><title>Airflow 404</title><h1>Airflow 404</h1>", 404, media_type="text/html")
        return JSONResponse({"detail": "Not Found"}, 404)

    return Misbehaviour(Starlette(routes=dialect.routes(), exception_handlers={404: not_found}), cluster, dialect)
