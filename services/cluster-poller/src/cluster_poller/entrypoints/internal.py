"""On-demand reads for the gateway, over HTTP with signed short-lived tokens."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from cluster_poller.adapters.store import PostgresStore
from cluster_poller.application.reads import Reads
from cluster_poller.domain.trouble import ClusterTrouble, NotThere
from shared.contracts.clusters import ClusterRegistered
from shared.contracts.internal import ConnectionTestRequest, ConnectionTestResult, TaskInstances, TaskLog
from shared.runtime.internal import InternalSigner, require_internal
from shared.runtime.parts import Away

AUDIENCE = "cluster-poller"


def internal_routes(signer: InternalSigner, reads: Reads, store: PostgresStore) -> APIRouter:
    """Return the routes. A run's id may contain any character, a slash too, so it is matched as a path."""
    router = APIRouter(prefix="/internal/clusters", dependencies=[Depends(require_internal(signer, AUDIENCE))])

    async def registered(cluster_id: str) -> ClusterRegistered:
        try:
            cluster = await store.definition(cluster_id)
        except Away as error:
            raise HTTPException(503, str(error)) from error
        if cluster is None:
            raise HTTPException(404, f"No cluster {cluster_id!r} is registered here.")
        return cluster

    Registered = Annotated[ClusterRegistered, Depends(registered)]  # noqa: N806 - it is a type, and the path's cluster_id is read there

    @router.post("/test")
    async def test(request: ConnectionTestRequest) -> ConnectionTestResult:
        return await reads.test(request.cluster)

    @router.get("/{cluster_id}/dags/{dag_id}/runs/{dag_run_id:path}/tasks/{task_id}/log")  # noqa: FAST003 - see Registered
    async def log(
        cluster: Registered,
        dag_id: str,
        dag_run_id: str,
        task_id: str,
        try_number: Annotated[int, Query(ge=0, le=10_000)] = 1,
        map_index: Annotated[int, Query(ge=-1, le=100_000)] = -1,
        token: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> TaskLog:
        try:
            return await reads.log(cluster, dag_id, dag_run_id, task_id, try_number=try_number, map_index=map_index, token=token)
        except ClusterTrouble as trouble:
            raise _http(trouble) from trouble

    @router.get("/{cluster_id}/dags/{dag_id}/runs/{dag_run_id:path}/tasks")  # noqa: FAST003 - see Registered
    async def tasks(cluster: Registered, dag_id: str, dag_run_id: str) -> TaskInstances:
        try:
            return await reads.tasks(cluster, dag_id, dag_run_id)
        except ClusterTrouble as trouble:
            raise _http(trouble) from trouble

    return router


def _http(trouble: ClusterTrouble) -> HTTPException:
    """404 when Airflow has no such thing, 424 when the cluster is what fails: this service itself is well."""
    return HTTPException(
        404 if isinstance(trouble, NotThere) else 424, {"problem": trouble.problem, "reach": trouble.reach, "message": trouble.message}
    )
