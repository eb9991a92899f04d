"""On-demand reads from the other services. They change nothing; a service that is away is said to be away."""

from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel

from shared.contracts.clusters import ClusterRegistered
from shared.contracts.internal import (
    ConnectionTestResult,
    EndpointTestRequest,
    EndpointTestResult,
    RuleCheckRequest,
    RuleCheckResult,
    TaskInstances,
    TaskLog,
)


class ServiceIsAway(Exception):
    """Another service did not answer."""

    def __init__(self, service: str, reason: str) -> None:
        self.service, self.reason = service, reason
        super().__init__(f"The service {service} is away: {reason}")


class NotThere(LookupError):
    """The other service answered that there is no such thing; the text says what."""


class OnDemand(Protocol):
    """What the gateway reads from others while somebody waits."""

    async def test_cluster(self, cluster: ClusterRegistered) -> ConnectionTestResult: ...
    async def task_instances(self, cluster_id: str, dag_id: str, dag_run_id: str) -> TaskInstances: ...
    async def task_log(
        self, cluster_id: str, dag_id: str, dag_run_id: str, task_id: str, *, try_number: int, map_index: int, token: str | None
    ) -> TaskLog: ...
    async def test_endpoint(self, request: EndpointTestRequest) -> EndpointTestResult: ...
    async def check_rule(self, request: RuleCheckRequest) -> RuleCheckResult: ...


class ServiceSeen(BaseModel):
    """A service as this replica last saw it. ``up=None``: not looked at yet."""

    name: str
    up: bool | None = None
    reason: str = ""
    at: datetime | None = None
    answered_at: datetime | None = None
    checks: dict[str, Any] = {}


class Services(Protocol):
    """The state of every service, the gateway itself too."""

    def seen(self) -> tuple[ServiceSeen, ...]: ...
