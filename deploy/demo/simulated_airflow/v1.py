"""The dialect of Airflow 2.11: ``/api/v1`` with basic authentication and sessions."""

import base64
import binascii
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from simulated_airflow import v1_shapes as shapes
from simulated_airflow.catalogue import BROKEN_FILE, BROKEN_TRACE
from simulated_airflow.lists import MAXIMUM_PAGE, BadQuery, choose_runs, choose_tasks, moment, whole
from simulated_airflow.server import Cluster

VERSION = "2.11.2"
_ERRORS = f"https://airflow.apache.org/docs/apache-airflow/{VERSION}/stable-rest-api-ref.html#section/Errors/"
_SIGN_INS_PER_40_S = 5

_PAGING = {"limit", "offset"}
_DAG_QUERY = _PAGING | {"order_by", "only_active", "paused", "tags", "dag_id_pattern", "fields"}
_RUN_QUERY = (
    _PAGING
    | {"order_by", "state", "fields"}
    | {f"{name}_{end}" for name in ("execution_date", "start_date", "end_date", "updated_at") for end in ("gte", "lte")}
)
_TASK_QUERY = (
    _PAGING
    | {"state", "pool", "queue", "executor"}
    | {f"{name}_{end}" for name in ("execution_date", "start_date", "end_date", "updated_at", "duration") for end in ("gte", "lte")}
)

Endpoint = Callable[[Request], Awaitable[Response]]


def problem(status: int, title: str | None, kind: str, detail: str | None) -> JSONResponse:
    return JSONResponse(
        {"detail": detail, "status": status, "title": title, "type": _ERRORS + kind}, status, media_type="application/problem+json"
    )


def forbidden() -> JSONResponse:
    return problem(403, "Forbidden", "PermissionDenied", None)


class DialectV1:
    """Answers as Airflow 2.11.2 does."""

    version = VERSION

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._sessions: dict[str, str] = {}
        self._csrf: set[str] = set()
        self._tries: deque[float] = deque()

    def forget_sign_ins(self) -> None:
        self._sessions.clear()

    def routes(self) -> list[Route]:
        base = "/api/v1"
        runs = base + "/dags/{dag_id}/dagRuns"
        tasks = runs + "/{run_id}/taskInstances"
        reads, writes = self._reads, self._writes
        return [
            Route("/login/", self.login_form),
            Route("/login/", self.login, methods=["POST"]),
            Route("/health", self.health),
            Route(base + "/health", self.health),
            Route(base + "/version", self.say_version),
            Route(base + "/dags", reads(self.dags, _DAG_QUERY)),
            Route(base + "/dags/{dag_id}", reads(self.dag, {"fields"})),
            Route(base + "/dags/{dag_id}", writes(self.patch_dag), methods=["PATCH"]),
            Route(runs, reads(self.runs, _RUN_QUERY)),
            Route(runs, writes(self.trigger), methods=["POST"]),
            Route(runs + "/{run_id}", reads(self.run, {"fields"})),
            Route(tasks + "/list", reads(self.tasks_batch, set()), methods=["POST"]),
            Route(tasks, reads(self.tasks, _TASK_QUERY)),
            Route(tasks + "/{task_id}/logs/{number:int}", reads(self.log, {"full_content", "map_index", "token"})),
            Route(base + "/importErrors", reads(self.import_errors, _PAGING | {"order_by"})),
            Route(base + "/pools", reads(self.pools, _PAGING | {"order_by"})),
        ]

    def _user(self, request: Request) -> str | None:
        session = self._sessions.get(request.cookies.get("session", ""))
        if session is not None:
            return session
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(rest).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if self.cluster.knows(name, password) else None

    def _guarded(self, endpoint: Endpoint, known: set[str] | None, *, write: bool) -> Endpoint:
        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            user = self._user(request)
            if user is None or (write and not self.cluster.may_write(user)):
                return forbidden()
            if known is not None:
                extra = sorted(set(request.query_params) - known)
                if extra:
                    return problem(400, None, "BadRequest", f"Extra query parameter(s) {', '.join(extra)} not in spec")
            request.state.user = user
            self.cluster.advance()
            try:
                return await endpoint(request)
            except BadQuery as error:
                return problem(400, "Bad Request", "BadRequest", str(error))

        return guarded

    def _reads(self, endpoint: Endpoint, known: set[str]) -> Endpoint:
        return self._guarded(endpoint, known, write=False)

    def _writes(self, endpoint: Endpoint) -> Endpoint:
        return self._guarded(endpoint, None, write=True)

    async def login_form(self, _: Request) -> Response:
        token = secrets.token_urlsafe(24)
        self._csrf.add(token)
        return HTMLResponse(
            f'<form method="post"><input id="csrf_token" name="csrf_token" type="hidden" value="{token}">'
            '<input name="username"><input name="password" type="password"></form>'
        )

    async def login(self, request: Request) -> Response:
        now = time.monotonic()
        while self._tries and now - self._tries[0] > 40:
            self._tries.popleft()
        if len(self._tries) >= _SIGN_INS_PER_40_S:
            return PlainTextResponse("5 per 40 second", 429)
        self._tries.append(now)
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("csrf_token") not in self._csrf:
            return HTMLResponse("The CSRF token is missing.", 400)
        if not self.cluster.knows(form.get("username", ""), form.get("password", "")):
            return RedirectResponse("/login/", 302)
        session = secrets.token_urlsafe(24)
        self._sessions[session] = form["username"]
        answer = RedirectResponse("/", 302)
        answer.set_cookie("session", session, httponly=True, samesite="lax")
        return answer

    async def health(self, _: Request) -> Response:
        self.cluster.advance()
        status, beat = self.cluster.scheduler_health()
        return JSONResponse(
            {
                "dag_processor": {"latest_dag_processor_heartbeat": None, "status": None},
                "metadatabase": {"status": "healthy"},
                "scheduler": {"latest_scheduler_heartbeat": shapes.at(beat), "status": status},
                "triggerer": {"latest_triggerer_heartbeat": shapes.at(self.cluster.beat()), "status": "healthy"},
            }
        )

    async def say_version(self, _: Request) -> Response:
        return JSONResponse({"git_version": "", "version": self.version})

    def _page(self, name: str, found: list[Any], params: QueryParams, shape: Callable[[Any], Any]) -> JSONResponse:
        limit = min(whole(params, "limit", MAXIMUM_PAGE) or MAXIMUM_PAGE, self.cluster.maximum_page)
        offset = whole(params, "offset", 0)
        return JSONResponse({name: [shape(item) for item in found[offset : offset + limit]], "total_entries": len(found)})

    async def dags(self, request: Request) -> Response:
        found = self.cluster.choose_dags(request.query_params)
        return self._page("dags", found, request.query_params, lambda dag: shapes.dag(self.cluster.world, dag))

    async def dag(self, request: Request) -> Response:
        dag_id = request.path_params["dag_id"]
        spec = self.cluster.world.dags.get(dag_id)
        if spec is None:
            return problem(404, "DAG not found", "NotFound", f"The DAG with dag_id: {dag_id} was not found")
        return JSONResponse(shapes.dag(self.cluster.world, spec))

    async def patch_dag(self, request: Request) -> Response:
        dag_id = request.path_params["dag_id"]
        if dag_id not in self.cluster.world.dags:
            return problem(404, "Dag not found", "NotFound", f"Dag with id: '{dag_id}' not found")
        body = await _body(request)
        if not isinstance(body, dict) or not isinstance(body.get("is_paused"), bool):
            return problem(400, "Bad Request", "BadRequest", "{'is_paused': ['Not a valid boolean.']}")
        self.cluster.world.set_paused(dag_id, paused=body["is_paused"])
        return await self.dag(request)

    async def runs(self, request: Request) -> Response:
        found = choose_runs(self.cluster.world, request.path_params["dag_id"], request.query_params, commas=True)
        return self._page("dag_runs", found, request.query_params, shapes.run)

    async def run(self, request: Request) -> Response:
        dag_id, run_id = request.path_params["dag_id"], request.path_params["run_id"]
        run = self.cluster.world.runs.get((dag_id, run_id))
        if run is None:
            return problem(404, "DAGRun not found", "NotFound", f"DAGRun with DAG ID: '{dag_id}' and DagRun ID: '{run_id}' not found")
        return JSONResponse(shapes.run(run))

    async def trigger(self, request: Request) -> Response:
        dag_id, world, now = request.path_params["dag_id"], self.cluster.world, self.cluster.now()
        if dag_id not in world.dags:
            return problem(404, "DAG not found", "NotFound", f"DAG with dag_id: '{dag_id}' not found")
        body = await _body(request)
        unknown = sorted(
            set(body) - {"dag_run_id", "conf", "note", "logical_date", "execution_date", "data_interval_start", "data_interval_end"}
        )
        if unknown:
            return problem(400, "Bad Request", "BadRequest", str({name: ["Unknown field."] for name in unknown}))
        run_id = body.get("dag_run_id") or f"manual__{now.isoformat()}"
        if (dag_id, run_id) in world.runs:
            return problem(409, "Conflict", "AlreadyExists", f"DAGRun with DAG ID: '{dag_id}' and DAGRun ID: '{run_id}' already exists")
        date = body.get("logical_date") or body.get("execution_date")
        run = world.trigger(
            dag_id,
            run_id,
            now=now,
            conf=body.get("conf") or {},
            note=body.get("note"),
            logical_date=moment(date) if date else now,
            by=request.state.user,
        )
        return JSONResponse(shapes.run(run))

    async def tasks(self, request: Request) -> Response:
        dag_id, run_id = request.path_params["dag_id"], request.path_params["run_id"]
        if "~" not in {dag_id, run_id} and (dag_id, run_id) not in self.cluster.world.runs:
            return await self.run(request)
        found = choose_tasks(self.cluster.world, dag_id, run_id, request.query_params, commas=True)
        return self._page("task_instances", found, request.query_params, lambda pair: shapes.task(pair[0], pair[1], self.cluster.now()))

    async def tasks_batch(self, request: Request) -> Response:
        """Like the real one, this clamps no page."""
        body = await _body(request)
        known = {"page_limit", "page_offset", "dag_ids", "dag_run_ids", "task_ids", "state", "order_by"}
        unknown = sorted(set(body) - known)
        if unknown:
            return problem(400, "Bad Request", "BadRequest", str({name: ["Unknown field."] for name in unknown}))
        found = [
            (run, task)
            for run, task in choose_tasks(self.cluster.world, "~", "~", QueryParams(), commas=True)
            if run.dag_id in body.get("dag_ids", [run.dag_id])
            and run.run_id in body.get("dag_run_ids", [run.run_id])
            and (task.state or "none") in body.get("state", [task.state or "none"])
        ]
        start = int(body.get("page_offset", 0))
        page = found[start : start + int(body.get("page_limit", MAXIMUM_PAGE))]
        return JSONResponse(
            {"task_instances": [shapes.task(run, task, self.cluster.now()) for run, task in page], "total_entries": len(found)}
        )

    async def log(self, request: Request) -> Response:
        path, params = request.path_params, request.query_params
        found = self.cluster.find_task(path["dag_id"], path["run_id"], path["task_id"], int(params.get("map_index", -1)))
        if found is None:
            return problem(404, "TaskInstance not found", "NotFound", None)
        if "application/json" not in request.headers.get("accept", ""):
            return PlainTextResponse(shapes.log_text(*found, path["number"], 0, self.cluster.now())[0])
        return JSONResponse(shapes.log(*found, path["number"], params.get("token"), self.cluster.now()))

    async def import_errors(self, request: Request) -> Response:
        errors = [{"filename": BROKEN_FILE, "import_error_id": 1, "stack_trace": BROKEN_TRACE, "timestamp": shapes.at(self.cluster.beat())}]
        return self._page("import_errors", errors if self.cluster.world.import_errors else [], request.query_params, lambda error: error)

    async def pools(self, request: Request) -> Response:
        return self._page("pools", [self.cluster.pool()], request.query_params, lambda pool: pool)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        raise BadQuery("Request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise BadQuery("Request body must be an object")
    return body
