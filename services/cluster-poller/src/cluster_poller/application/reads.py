"""On-demand reads: try a connection, the tasks of a run, a task's log. They change nothing anywhere."""

import time
from collections.abc import Callable
from datetime import datetime

from cluster_poller.application.ports import Clusters
from cluster_poller.domain.health import judge
from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.clusters import ClusterRegistered, Health, Reach
from shared.contracts.internal import ConnectionTestResult, TaskInstances, TaskLog


class Reads:
    """Answers reads of any cluster, whichever replica polls it."""

    def __init__(self, clusters: Clusters, *, now: Callable[[], datetime]) -> None:
        self._clusters = clusters
        self._now = now

    async def test(self, cluster: ClusterRegistered) -> ConnectionTestResult:
        """Try a cluster as it is given, saved or not: version, sign-in, health."""
        try:
            async with self._clusters.trial(cluster) as api:
                await api.prove_sign_in()
                started = time.monotonic()
                health = await api.health()
                latency = time.monotonic() - started
                components = tuple(judge(part, cluster_now=health.cluster_now, source=health.source) for part in health.components)
                ill = [part.component for part in components if part.health not in {Health.HEALTHY, Health.ABSENT}]
                message = f"Airflow {api.version} answers and the sign-in works."
                if ill:
                    message += f" Not healthy there: {', '.join(ill)}."
                return ConnectionTestResult(
                    ok=True,
                    reach=Reach.ANSWERED,
                    message=message,
                    version=api.version,
                    api=api.api,
                    latency_seconds=latency,
                    components=components,
                )
        except ClusterTrouble as trouble:
            return ConnectionTestResult(ok=False, reach=trouble.reach, problem=trouble.problem, message=trouble.message)

    async def tasks(self, cluster: ClusterRegistered, dag_id: str, dag_run_id: str) -> TaskInstances:
        api = await self._clusters.api(cluster)
        reading = await api.tasks(dag_id, dag_run_id)
        return TaskInstances(read_at=self._now(), tasks=reading.tasks, cut=reading.cut)

    async def log(
        self, cluster: ClusterRegistered, dag_id: str, dag_run_id: str, task_id: str, *, try_number: int, map_index: int, token: str | None
    ) -> TaskLog:
        api = await self._clusters.api(cluster)
        reading = await api.log(dag_id, dag_run_id, task_id, try_number=try_number, map_index=map_index, token=token)
        return TaskLog(read_at=self._now(), lines=reading.lines, next_token=reading.next_token, ended=reading.ended)
