"""The dialect of Airflow 3.3: ``/api/v2`` with JSON web tokens."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulated_airflow import v2_shapes as shapes
from simulated_airflow.catalogue import BROKEN_TRACE
from simulated_airflow.lists import MAXIMUM_PAGE, BadQuery, choose_runs, choose_tasks, moment, whole
from simulated_airflow.server import Cluster

VERSION = "3.3.2"
TOKEN_SECONDS = 86_400
FALLBACK_PAGE = 50

Endpoint = Callable[[Request], Awaitable[Response]]


def detail(status: int, what: Any) -> JSONResponse:
    return JSONResponse({"detail": what}, status)


def _field(kind: str, place: list[str], message: str, given: Any) -> dict[str, Any]:
    return {"type": kind, "loc": place, "msg": message, "input": given}


class DialectV2:
    """Answers as Airflow 3.3.2 with the simple auth manager does."""

    version = VERSION

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.token_seconds: float = TOKEN_SECONDS
        self._secret = cluster.world.random("secret").randbytes(32)
        self._restarts = 0

    def forget_sign_ins(self) -> None:
        """What a restart with a generated secret does: good tokens become invalid ones."""
        self._restarts += 1
        self._secret = self.cluster.world.random("secret", self._restarts).randbytes(32)

    def routes(self) -> list[Route]:
        base = "/api/v2"
        runs = base + "/dags/{dag_id}/dagRuns"
        tasks = runs + "/{run_id}/taskInstances"
        reads, writes = self._reads, self._writes
        return [
            Route("/auth/token", self.sign_in, methods=["POST"]),
            Route(base + "/monitor/health", self.health),
            Route(base + "/version", self.say_version),
            Route(base + "/dags", reads(self.dags)),
            Route(base + "/dags/{dag_id}", reads(self.dag)),
            Route(base + "/dags/{dag_id}", writes(self.patch_dag), methods=["PATCH"]),
            Route(runs, reads(self.runs)),
            Route(runs, writes(self.trigger), methods=["POST"]),
            Route(runs + "/{run_id}", reads(self.run)),
            Route(tasks, reads(self.tasks)),
            Route(tasks + "/{task_id}/logs/{number:int}", reads(self.log)),
            Route(base + "/importErrors", reads(self.import_errors)),
            Route(base + "/pools", reads(self.pools)),
        ]

    def _sign(self, claims: dict[str, Any]) -> str:
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS512", "typ": "JWT"}, claims)]
        return ".".join([*parts, _base64(hmac.digest(self._secret, ".".join(parts).encode(), hashlib.sha512))])

    def _user(self, request: Request) -> str | JSONResponse:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return detail(401, "Not authenticated")
        head, _, signature = token.rpartition(".")
        good = _base64(hmac.digest(self._secret, head.encode(), hashlib.sha512))
        if not hmac.compare_digest(signature, good):
            return detail(403, "Invalid JWT token")
        claims = json.loads(base64.urlsafe_b64decode(head.split(".")[1] + "=="))
        if claims["exp"] < time.time():
            return detail(401, "Token Expired")
        return str(claims["sub"])

    def _guarded(self, endpoint: Endpoint, *, write: bool) -> Endpoint:
        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            user = self._user(request)
            if isinstance(user, Response):
                return user
            if write and not self.cluster.may_write(user):
                return detail(403, "Forbidden")
            request.state.user = user
            self.cluster.advance()
            try:
                return await endpoint(request)
            except BadQuery as error:
                return detail(400, str(error))

        return guarded

    def _reads(self, endpoint: Endpoint) -> Endpoint:
        return self._guarded(endpoint, write=False)

    def _writes(self, endpoint: Endpoint) -> Endpoint:
        return self._guarded(endpoint, write=True)

    async def sign_in(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return detail(422, [_field("json_invalid", ["body", "0"], "JSON decode error", {})])
        missing = [name for name in ("username", "password") if name not in body]
        if missing:
            return detail(422, [_field("missing", ["body", name], "Field required", body) for name in missing])
        if not self.cluster.knows(body["username"], body["password"]):
            return detail(401, "Invalid credentials")
        now = time.time()
        return JSONResponse({"access_token": self._sign({"sub": body["username"], "iat": now, "exp": now + self.token_seconds})}, 201)

    async def health(self, _: Request) -> Response:
        self.cluster.advance()
        status, beat = self.cluster.scheduler_health()
        other = shapes.at(self.cluster.beat())
        return JSONResponse(
            {
                "metadatabase": {"status": "healthy"},
                "scheduler": {"status": status, "latest_scheduler_heartbeat": shapes.at(beat)},
                "triggerer": {"status": "healthy", "latest_triggerer_heartbeat": other},
                "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": other},
            }
        )

    async def say_version(self, _: Request) -> Response:
        return JSONResponse({"version": self.version, "git_version": ".release:simulated"})

    def _page(
        self, name: str, found: list[Any], params: QueryParams, shape: Callable[[Any], Any], *, cursors: bool = False
    ) -> JSONResponse:
        limit = min(whole(params, "limit", FALLBACK_PAGE), MAXIMUM_PAGE, self.cluster.maximum_page)
        offset = whole(params, "offset", 0)
        body: dict[str, Any] = {name: [shape(item) for item in found[offset : offset + limit]], "total_entries": len(found)}
        if cursors:
            body |= {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
        return JSONResponse(body)

    async def dags(self, request: Request) -> Response:
        found = self.cluster.choose_dags(request.query_params)
        return self._page("dags", found, request.query_params, lambda dag: shapes.dag(self.cluster.world, dag))

    async def dag(self, request: Request) -> Response:
        dag_id = request.path_params["dag_id"]
        spec = self.cluster.world.dags.get(dag_id)
        if spec is None:
            return detail(404, f"The Dag with ID: `{dag_id}` was not found")
        return JSONResponse(shapes.dag(self.cluster.world, spec))

    async def patch_dag(self, request: Request) -> Response:
        dag_id = request.path_params["dag_id"]
        if dag_id not in self.cluster.world.dags:
            return detail(404, f"Dag with id: {dag_id} was not found")
        body = await _body(request)
        if not isinstance(body.get("is_paused"), bool):
            return detail(422, [_field("missing", ["body", "is_paused"], "Field required", body)])
        self.cluster.world.set_paused(dag_id, paused=body["is_paused"])
        return await self.dag(request)

    async def runs(self, request: Request) -> Response:
        dag_id = request.path_params["dag_id"]
        if dag_id != "~" and dag_id not in self.cluster.world.dags:
            return detail(404, f"The DAG with dag_id: `{dag_id}` was not found")
        found = choose_runs(self.cluster.world, dag_id, request.query_params, commas=False)
        return self._page("dag_runs", found, request.query_params, lambda run: shapes.run(self.cluster.world, run), cursors=True)

    async def run(self, request: Request) -> Response:
        dag_id, run_id = request.path_params["dag_id"], request.path_params["run_id"]
        run = self.cluster.world.runs.get((dag_id, run_id))
        if run is None:
            return detail(404, f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found")
        return JSONResponse(shapes.run(self.cluster.world, run))

    async def trigger(self, request: Request) -> Response:
        dag_id, world, now = request.path_params["dag_id"], self.cluster.world, self.cluster.now()
        body = await _body(request)
        if "logical_date" not in body:
            return detail(422, [_field("missing", ["body", "logical_date"], "Field required", body)])
        known = {"dag_run_id", "conf", "note", "logical_date", "run_after", "data_interval_start", "data_interval_end", "partition_key"}
        extra = sorted(set(body) - known)
        if extra:
            return detail(422, [_field("extra_forbidden", ["body", name], "Extra inputs are not permitted", body[name]) for name in extra])
        if dag_id not in world.dags:
            return detail(404, f"Dag with dag_id: '{dag_id}' not found")
        run_id = body.get("dag_run_id") or f"manual__{now.isoformat()}"
        if (dag_id, run_id) in world.runs:
            message = (
                "Serious error when handling your request. Check logs for more details - "
                "you will find it in api server when you look for ID simulated"
            )
            return detail(409, {"reason": "Unique constraint violation", "statement": "hidden", "orig_error": "hidden", "message": message})
        date = body["logical_date"]
        run = world.trigger(
            dag_id,
            run_id,
            now=now,
            conf=body.get("conf") or {},
            note=body.get("note"),
            logical_date=moment(date) if date else None,
            by=request.state.user,
        )
        return JSONResponse(shapes.run(world, run))

    async def tasks(self, request: Request) -> Response:
        dag_id, run_id = request.path_params["dag_id"], request.path_params["run_id"]
        if dag_id == "~" and run_id != "~":
            return detail(400, "dag_id is required when dag_run_id is specified")
        if run_id != "~" and (dag_id, run_id) not in self.cluster.world.runs:
            return detail(404, f"DagRun with run_id: `{run_id}` was not found")
        if "order_by" in request.query_params and request.query_params["order_by"].removeprefix("-") not in {
            "id",
            "state",
            "start_date",
            "end_date",
            "map_index",
            "duration",
        }:
            order = request.query_params["order_by"]
            raise BadQuery(f"Ordering with '{order.removeprefix('-')}' is disallowed or the attribute does not exist on the model")
        found = choose_tasks(self.cluster.world, dag_id, run_id, request.query_params, commas=False)
        now = self.cluster.now()
        return self._page(
            "task_instances", found, request.query_params, lambda pair: shapes.task(self.cluster.world, pair[0], pair[1], now), cursors=True
        )

    async def log(self, request: Request) -> Response:
        path, params = request.path_params, request.query_params
        accept = request.headers.get("accept", "*/*")
        if not any(kind in accept for kind in ("application/json", "application/x-ndjson", "*/*")):
            return detail(406, "Only application/json or application/x-ndjson is supported")
        found = self.cluster.find_task(path["dag_id"], path["run_id"], path["task_id"], int(params.get("map_index", -1)))
        if found is None:
            return detail(404, "TaskInstance not found")
        return JSONResponse(shapes.log(*found, path["number"], params.get("token"), self.cluster.now()))

    async def import_errors(self, request: Request) -> Response:
        error = {
            "import_error_id": 1,
            "timestamp": shapes.at(self.cluster.beat()),
            "filename": "broken_import.py",
            "bundle_name": "dags-folder",
            "stack_trace": BROKEN_TRACE,
        }
        return self._page("import_errors", [error] if self.cluster.world.import_errors else [], request.query_params, lambda found: found)

    async def pools(self, request: Request) -> Response:
        return self._page("pools", [self.cluster.pool() | {"team_name": None}], request.query_params, lambda pool: pool)


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        raise BadQuery("JSON decode error") from None
    if not isinstance(body, dict):
        raise BadQuery("Input should be a valid dictionary")
    return body
