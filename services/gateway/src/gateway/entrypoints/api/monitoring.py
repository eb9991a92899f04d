"""Health, metrics and logs over everything, and the audit."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel

from gateway.application.answers.base import Page, example
from gateway.application.answers.definitions import AuditAnswer, SampleAnswer
from gateway.application.ports.services import ServiceSeen
from gateway.entrypoints.api.parts import Administrator, After, App, Limit, Viewer, paged, router
from shared.contracts.internal import TaskLog

monitoring = router("", "monitoring")


class ClusterHealth(BaseModel):
    id: str
    name: str
    health: str
    sentence: str
    observed_at: datetime | None
    age_seconds: float | None
    stale: bool
    components: list[dict[str, Any]]


class HealthAnswer(BaseModel):
    """``health``: healthy only when everything is known to be; unknown when something can't be seen."""

    model_config = example(
        health="unhealthy",
        open_alerts=1,
        services=[{"name": "executor", "up": True, "at": "2026-11-22T03:14:06Z"}],
        clusters=[
            {
                "id": "01977d0a-0000-7000-8000-000000000002",
                "name": "eu-prod",
                "health": "unhealthy",
                "sentence": "The scheduler gives no sign of life for 94 s.",
                "observed_at": "2026-11-22T03:14:05Z",
                "age_seconds": 2.4,
                "stale": False,
                "components": [
                    {
                        "component": "scheduler",
                        "health": "unhealthy",
                        "confidence": "measured",
                        "source": "GET /api/v2/monitor/health",
                        "heartbeat_age": 94.0,
                    }
                ],
            }
        ],
    )

    health: str
    open_alerts: int
    services: tuple[ServiceSeen, ...]
    clusters: tuple[ClusterHealth, ...]


@monitoring.get("/health/", response_model=HealthAnswer, summary="Services and clusters, and how old what is known of them is")
async def health(app: App, who: Viewer) -> HealthAnswer:  # noqa: ARG001
    services, clusters = app.services.seen(), await app.reads.clusters()
    shown = tuple(
        ClusterHealth(
            id=item.id,
            name=item.name,
            health=item.state.health,
            sentence=item.state.sentence,
            observed_at=item.state.observed_at,
            age_seconds=item.state.age_seconds,
            stale=item.state.stale,
            components=[part.model_dump(mode="json") for part in (item.state.observation.components if item.state.observation else ())],
        )
        for item in clusters
    )
    words = {item.health for item in shown}
    word = "healthy"
    if "unhealthy" in words or any(service.up is False for service in services):
        word = "unhealthy"
    elif "unknown" in words or any(service.up is None for service in services):
        word = "unknown"
    counts = await app.reads.alert_counts()
    return HealthAnswer(health=word, open_alerts=counts.get("open", 0), services=services, clusters=shown)


@monitoring.get("/metrics/", response_model=Page[SampleAnswer], summary="The newest value of each series")
async def metrics(
    app: App,
    who: Viewer,  # noqa: ARG001
    name: Annotated[str | None, Query(max_length=200)] = None,
    source: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> Page[SampleAnswer]:
    return Page(items=tuple(await app.reads.samples(name=name, source=source, limit=limit)))


class Point(BaseModel):
    at: datetime
    value: float


class HistoryAnswer(BaseModel):
    """A series, oldest first."""

    model_config = example(
        name="cluster_heartbeat_age_seconds",
        source="cluster:01977d0a-0000-7000-8000-000000000002",
        points=[{"at": "2026-11-22T03:14:05Z", "value": 94.0}],
    )

    name: str
    source: str
    points: tuple[Point, ...]


@monitoring.get("/metrics/history/", response_model=HistoryAnswer, summary="A series over the last day")
async def history(
    app: App,
    who: Viewer,  # noqa: ARG001
    name: Annotated[str, Query(min_length=1, max_length=200)],
    source: Annotated[str, Query(min_length=1, max_length=200)],
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> HistoryAnswer:
    points = await app.reads.sample_history(name, source, limit=limit)
    return HistoryAnswer(name=name, source=source, points=tuple(Point(at=at, value=value) for at, value in points))


@monitoring.get("/logs/", response_model=TaskLog, summary="A task's log, read from Airflow on demand")
async def logs(
    app: App,
    who: Viewer,
    cluster: Annotated[str, Query(max_length=100)],
    dag: Annotated[str, Query(max_length=250)],
    run: Annotated[str, Query(max_length=250)],
    task: Annotated[str, Query(max_length=250)],
    try_number: Annotated[int, Query(ge=0, le=10_000)] = 1,
    map_index: Annotated[int, Query(ge=-1, le=1_000_000)] = -1,
    token: Annotated[str | None, Query(max_length=4000)] = None,
) -> TaskLog:
    from gateway.entrypoints.api.dags import read_log  # noqa: PLC0415 - the same route under the name that is asked for here

    return await read_log(app, who, cluster, dag, run, task, try_number, map_index, token)


@monitoring.get("/audit/", response_model=Page[AuditAnswer], summary="Who did what, newest first")
async def audit(
    app: App,
    who: Administrator,  # noqa: ARG001
    request: Request,
    response: Response,
    subject: Annotated[str | None, Query(max_length=100, description="Id of what was changed.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> Page[AuditAnswer]:
    return paged(request, response, await app.reads.audit(subject_id=subject, after=after, limit=limit))
