"""The frame of every page, and the search."""

from gateway.application.definitions import Kind
from gateway.application.ports.read_model import DagFilter, RunFilter
from gateway.application.queries.base import Queries
from gateway.application.queries.words import path
from gateway.application.views.account import Hit, SearchPage
from gateway.application.views.parts import Seen, state_view
from gateway.application.views.shell import Person, ServiceState, Shell
from shared.runtime.clock import now

MOST = 8
"""Hits per kind."""


class FrameQueries(Queries):
    """What stands around every page."""

    async def shell(self, person: Person) -> Shell:
        counts = await self._reads.alert_counts()
        services = tuple(
            ServiceState(
                name=service.name,
                up=service.up,
                seen=Seen(at=service.answered_at, stale=service.up is not True, source="/readyz"),
                reason=service.reason,
            )
            for service in self._services.seen()
        )
        return Shell(person=person, services=services, open_incidents=counts.get("firing"), now=now())

    async def search(self, person: Person, words: str) -> SearchPage:  # noqa: ARG002 - every person sees everything until there are roles
        if not words:
            return SearchPage(words=words, hits=())
        folded = words.casefold()
        hits: list[Hit] = []
        hits += [
            Hit(kind="cluster", name=item.name, where=item.base_url, url=path("clusters", item.id), state=state_view(item.state.health))
            for item in await self._reads.clusters()
            if folded in f"{item.name} {item.base_url}".casefold()
        ]
        dags = await self._reads.dags(DagFilter(words=words), after=None, limit=MOST, runs=1)
        for dag in dags.items:
            state = state_view(dag.runs[0].state) if dag.runs and not dag.stale else None
            hits.append(Hit(kind="dag", name=dag.dag_id, where=dag.cluster, url=path("dags", dag.cluster_id, dag.dag_id), state=state))
        hits += [
            Hit(kind="workflow", name=workflow.name, where=f"version {workflow.latest}", url=path("workflows", workflow.id))
            for workflow, _ in await self._reads.workflows()
            if folded in workflow.name.casefold()
        ]
        runs = await self._reads.runs(RunFilter(words=words), after=None, limit=MOST)
        hits += [
            Hit(kind="run", name=run.business_key or run.id, where=run.workflow, url=path("runs", run.id), state=state_view(run.status))
            for run in runs.items
        ]
        hits += [
            Hit(kind="endpoint", name=endpoint.name, where=endpoint.body["kind"], url=path("endpoints", endpoint.id))
            for endpoint in await self._reads.definitions(Kind.ENDPOINT)
            if folded in endpoint.name.casefold()
        ]
        return SearchPage(words=words, hits=tuple(hits), more=dags.next is not None or runs.next is not None)
