"""DAG runs: asked for by a command to the cluster-poller, and waited for by what it observes."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from executor.application.clusters import Clusters, DagWait
from executor.application.filling import Filling
from executor.application.patience import patiently
from executor.application.ports import Endpoint, Outcome, Permanent, Retryable, Work
from executor.connectors.airflow.config import KIND, ComponentOptions
from executor.connectors.airflow.verdict import verdict
from executor.domain.durations import seconds_of
from shared.contracts.clusters import ClusterCommand, TriggerDag
from shared.runtime import clock

_COMMANDS = uuid.UUID("5b0f4f2e-6a0e-5d5c-9a51-2f6f1f0f7a11")
_LATEST = 3600.0
"""Seconds after which a DAG run that could not be asked for is no longer wanted, unless ``at_most`` says otherwise."""


class AirflowConnector:
    kind = KIND

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        raise Permanent("NoEndpoint", f"{endpoint.name}: components of the kind airflow name a cluster. Test it under Clusters.")

    async def act(self, work: Work) -> Outcome:
        """Ask for the DAG run, once, and wait; an attempt after a crash goes on waiting for the same one."""
        options: ComponentOptions = work.place.options
        cluster_id = await patiently(lambda: self._clusters.named(options.cluster))
        if cluster_id is None:
            raise Retryable("ClusterUnknown", f"There is no cluster “{options.cluster}”. Register it, or correct cluster: in the workflow.")
        filling = Filling(work)
        if options.do == "trigger":
            wait = DagWait(work.idempotency_key, cluster_id, options.dag_id, f"flowtower__{work.idempotency_key}", work.attempt)
            command = _command(work, options, wait, filling)
        else:
            named = None if options.dag_run_id is None else filling.text(options.dag_run_id, "dag_run_id")
            wait, command = DagWait(work.idempotency_key, cluster_id, options.dag_id, named, work.attempt), None
        await patiently(lambda: self._clusters.want(wait, command, work.traceparent))
        said = ""
        while True:
            found = verdict(options, cluster_id, await self._clusters.news(wait.wait_id))
            if isinstance(found, Outcome):
                return found
            if found != said:
                work.say(found)
                said = found


def _command(work: Work, options: ComponentOptions, wait: DagWait, filling: Filling) -> ClusterCommand:
    now: datetime = clock.now()
    return ClusterCommand(
        command_id=str(uuid.uuid5(_COMMANDS, f"{work.idempotency_key}:{work.attempt}")),
        cluster_id=wait.cluster_id,
        requested_by=f"workflow run {work.run_id}"[:200],
        requested_at=now,
        expires_at=now + timedelta(seconds=seconds_of(options.at_most) if options.at_most else _LATEST),
        do=TriggerDag(
            dag_id=options.dag_id,
            dag_run_id=wait.dag_run_id or "",
            conf=filling.value(options.conf, "conf"),
            note=f"Started by Flowtower: run {work.run_id}, component {work.name}.",
        ),
    )
