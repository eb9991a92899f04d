"""Everything that routes call; made by ``main`` and kept at ``app.state.application``."""

from dataclasses import dataclass

from fastapi import Request

from gateway.application.commands.alerting import ChannelInput, RuleInput
from gateway.application.commands.asking import AskAlerter, AskClusters
from gateway.application.commands.bulk import BulkRetries
from gateway.application.commands.clusters import ClusterInput
from gateway.application.commands.definitions import Define
from gateway.application.commands.endpoints import EndpointInput
from gateway.application.commands.retries import RetryRuns
from gateway.application.commands.runs import AskRuns
from gateway.application.commands.testing import TestConnections
from gateway.application.commands.triggers import AskTriggers
from gateway.application.commands.workflows import PublishWorkflows
from gateway.application.definitions import Actor
from gateway.application.ports.read_model import ReadModel
from gateway.application.ports.services import OnDemand, Services
from gateway.application.ports.work import Works
from gateway.application.queries.versions import Versions
from gateway.identity.principal import Principal


@dataclass(frozen=True)
class Application:
    """The use cases and questions."""

    works: Works
    reads: ReadModel
    services: Services
    on_demand: OnDemand
    clusters: Define[ClusterInput]
    endpoints: Define[EndpointInput]
    rules: Define[RuleInput]
    channels: Define[ChannelInput]
    workflows: PublishWorkflows
    versions: Versions
    runs: AskRuns
    triggers: AskTriggers
    retries: RetryRuns
    bulk: BulkRetries
    commands: AskClusters
    alerter: AskAlerter
    tests: TestConnections


def application_of(request: Request) -> Application:
    """Return the application of a request."""
    found: Application = request.app.state.application
    return found


def actor_of(request: Request, principal: Principal) -> Actor:
    """Return who asks, for the audit."""
    return Actor(principal.name, via=principal.via, request_id=request.state.request_id, reason=request.headers.get("x-reason", "")[:500])
