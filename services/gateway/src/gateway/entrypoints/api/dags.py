"""DAGs over all clusters, their runs, and on demand their task instances and logs."""

from typing import Annotated

from fastapi import Query, Request, Response

from gateway.application.answers.base import Page
from gateway.application.answers.dags import DagAnswer, DagRunAnswer
from gateway.application.ports.read_model import DagFilter
from gateway.domain.problems import Missing
from gateway.entrypoints.api.parts import After, App, Limit, Viewer, paged, router
from shared.contracts.internal import TaskInstances, TaskLog

dags = router("/dags", "dags")

Words = Annotated[str, Query(max_length=200)]


@dags.get("/", response_model=Page[DagAnswer], summary="List DAGs of all clusters")
async def list_dags(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    cluster: Words = "",
    state: Annotated[str, Query(max_length=40, description="all, active, paused, or the state of the newest run, e.g. failed.")] = "all",
    tag: Words = "",
    q: Words = "",
    after: After = None,
    limit: Limit = 50,
    runs: Annotated[int, Query(ge=0, le=25, description="Newest runs that come with each DAG.")] = 25,
) -> Page[DagAnswer]:
    wanted = DagFilter(cluster_id=cluster, state=state, tag=tag, words=q)
    return paged(request, response, await app.reads.dags(wanted, after=after, limit=limit, runs=runs))


@dags.get("/{cluster_id}/{dag_id}/", response_model=DagAnswer, summary="Read a DAG")
async def read_dag(app: App, who: Viewer, cluster_id: str, dag_id: str) -> DagAnswer:  # noqa: ARG001
    found = await app.reads.dag(cluster_id, dag_id, runs=25)
    if found is None:
        raise Missing("DAG", dag_id)
    return found


@dags.get("/{cluster_id}/{dag_id}/runs/", response_model=Page[DagRunAnswer], summary="List a DAG's runs, newest first")
async def list_dag_runs(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    cluster_id: str,
    dag_id: str,
    after: After = None,
    limit: Limit = 50,
) -> Page[DagRunAnswer]:
    if await app.reads.dag(cluster_id, dag_id, runs=0) is None:
        raise Missing("DAG", dag_id)
    return paged(request, response, await app.reads.dag_runs(cluster_id, dag_id, after=after, limit=limit))


async def _known_run(app: App, cluster_id: str, dag_id: str, dag_run_id: str) -> DagRunAnswer:
    found = await app.reads.dag_run(cluster_id, dag_id, dag_run_id)
    if found is None:
        raise Missing("DAG run", dag_run_id)
    return found


@dags.get("/{cluster_id}/{dag_id}/runs/{dag_run_id}/", response_model=DagRunAnswer, summary="Read a DAG run")
async def read_dag_run(app: App, who: Viewer, cluster_id: str, dag_id: str, dag_run_id: str) -> DagRunAnswer:  # noqa: ARG001
    return await _known_run(app, cluster_id, dag_id, dag_run_id)


@dags.get("/{cluster_id}/{dag_id}/runs/{dag_run_id}/tasks/", response_model=TaskInstances, summary="Read task instances from Airflow")
async def read_tasks(app: App, who: Viewer, cluster_id: str, dag_id: str, dag_run_id: str) -> TaskInstances:  # noqa: ARG001
    await _known_run(app, cluster_id, dag_id, dag_run_id)
    return await app.on_demand.task_instances(cluster_id, dag_id, dag_run_id)


@dags.get("/{cluster_id}/{dag_id}/runs/{dag_run_id}/tasks/{task_id}/log/", response_model=TaskLog, summary="Read a task's log from Airflow")
async def read_log(
    app: App,
    who: Viewer,  # noqa: ARG001
    cluster_id: str,
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    try_number: Annotated[int, Query(ge=0, le=10_000)] = 1,
    map_index: Annotated[int, Query(ge=-1, le=1_000_000)] = -1,
    token: Annotated[str | None, Query(max_length=4000)] = None,
) -> TaskLog:
    await _known_run(app, cluster_id, dag_id, dag_run_id)
    return await app.on_demand.task_log(cluster_id, dag_id, dag_run_id, task_id, try_number=try_number, map_index=map_index, token=token)
