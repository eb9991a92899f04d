"""What runs tell of an endpoint."""

from datetime import datetime

from gateway.application.answers.base import Answer, example


class EndpointHold(Answer):
    """Attempts that wait for one limit of an endpoint: how many, since when, and until when at the latest if that is known."""

    model_config = example(limit="breaker", attempts=12, since="2026-11-22T03:10:00Z", until="2026-11-22T03:11:00Z")

    limit: str
    attempts: int
    since: datetime
    until: datetime | None = None


class EndpointUse(Answer):
    """The newest use of an endpoint by a component of a run, and how it went."""

    model_config = example(workflow="order-processing", component="OrderQueue", status="succeeded", at="2026-11-22T03:10:31Z")

    workflow: str
    component: str
    status: str
    failure: str | None = None
    at: datetime
