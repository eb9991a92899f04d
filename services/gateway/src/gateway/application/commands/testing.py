"""Tests of connections, saved or not. Nothing is changed; the service that holds the key does the calling."""

from gateway.application.commands.clusters import ClusterInput, ClusterShape, registered
from gateway.application.commands.endpoints import EndpointInput, EndpointShape
from gateway.application.commands.secrets import sealed_after
from gateway.application.definitions import Definition, Kind
from gateway.application.ports.services import OnDemand
from gateway.application.ports.work import Sealer, Works
from gateway.domain.problems import FieldProblem, Invalid, Missing
from shared.contracts.clusters import ClusterRegistered
from shared.contracts.internal import ConnectionTestResult, EndpointTestRequest, EndpointTestResult
from shared.runtime.ids import new_id


class TestConnections:
    """Tests clusters and endpoints."""

    __test__ = False

    def __init__(self, works: Works, sealer: Sealer, services: OnDemand, clusters: ClusterShape, endpoints: EndpointShape) -> None:
        self._works = works
        self._sealer = sealer
        self._services = services
        self._clusters = clusters
        self._endpoints = endpoints

    async def cluster(self, given: ClusterInput | None, cluster_id: str | None = None) -> ConnectionTestResult:
        """Test what was typed, a saved cluster, or a saved one with what was changed."""
        saved = None if cluster_id is None else await self._saved(Kind.CLUSTER, cluster_id)
        if given is None:
            if saved is None:
                raise Invalid(FieldProblem("", "Nothing was given to test.", "Send the cluster's fields."))
            return await self._services.test_cluster(registered(saved))
        async with self._works.begin() as work:
            problems = await self._clusters.check(work, given, saved)
        if problems:
            raise Invalid(*problems)
        owner = saved.id if saved else new_id()
        sealed, _ = sealed_after(self._clusters, self._sealer, given, saved, owner=owner)
        body, revision = self._clusters.body(given), saved.revision if saved else 1
        cluster = ClusterRegistered(cluster_id=owner, name=given.name, sealed_secret=sealed, revision=revision, **body)
        return await self._services.test_cluster(cluster)

    async def endpoint(self, given: EndpointInput | None, endpoint_id: str | None = None) -> EndpointTestResult:
        """Test what was typed, a saved endpoint, or a saved one with what was changed."""
        saved = None if endpoint_id is None else await self._saved(Kind.ENDPOINT, endpoint_id)
        if given is None:
            if saved is None:
                raise Invalid(FieldProblem("", "Nothing was given to test.", "Send the endpoint's fields."))
            return await self._services.test_endpoint(_request(saved.id, saved.body["kind"], saved.body["options"], saved.sealed_secret))
        async with self._works.begin() as work:
            problems = await self._endpoints.check(work, given, saved)
        if problems:
            raise Invalid(*problems)
        owner = saved.id if saved else new_id()
        sealed, _ = sealed_after(self._endpoints, self._sealer, given, saved, owner=owner)
        return await self._services.test_endpoint(_request(owner, given.kind, given.options, sealed))

    async def _saved(self, kind: Kind, definition_id: str) -> Definition:
        async with self._works.begin() as work:
            found = await work.definition(kind, definition_id)
        if found is None:
            raise Missing(kind, definition_id)
        return found


def _request(endpoint_id: str, kind: str, options: dict[str, object], sealed: str | None) -> EndpointTestRequest:
    return EndpointTestRequest(endpoint_id=endpoint_id, kind=kind, options=options, sealed_secret=sealed)
