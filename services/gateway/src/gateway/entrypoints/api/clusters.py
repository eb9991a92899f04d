"""Clusters, their commands, and tests of connections."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import BaseModel

from gateway.application.answers.base import Page
from gateway.application.answers.clusters import ClusterAnswer, CommandAnswer
from gateway.application.commands.asking import CommandInput
from gateway.application.commands.clusters import ClusterInput
from gateway.application.definitions import Definition, Kind
from gateway.application.ports.work import Work
from gateway.domain.problems import Missing
from gateway.entrypoints.api.definitions import add_routes
from gateway.entrypoints.api.parts import Administrator, App, Key, Limit, Operator, Viewer, once, router
from gateway.entrypoints.application import Application, actor_of
from shared.contracts.internal import ConnectionTestResult

clusters = router("/clusters", "clusters")
commands = router("/commands", "clusters")


@clusters.get("/", response_model=Page[ClusterAnswer], summary="List clusters with their state")
async def list_clusters(
    app: App,
    who: Viewer,  # noqa: ARG001
    health: Annotated[Literal["healthy", "unhealthy", "unknown"] | None, Query()] = None,
    tag: Annotated[str | None, Query(max_length=60)] = None,
) -> Page[ClusterAnswer]:
    found = await app.reads.clusters()
    kept = tuple(item for item in found if health in (None, item.state.health) and (tag is None or tag in item.tags))
    return Page(items=kept)


async def _show(app: Application, definition: Definition) -> BaseModel:
    from gateway.application.answers.clusters import ClusterView  # noqa: PLC0415
    from gateway.application.answers.definitions import fields_of  # noqa: PLC0415

    found = await app.reads.cluster(definition.id)
    state = found.state if found else ClusterView(health="unknown", sentence="It was not observed yet.", stale=True)
    fields = {key: value for key, value in fields_of(definition).items() if key != "secrets"}
    return ClusterAnswer.model_validate({**fields, "state": state})


@clusters.post("/test/", response_model=ConnectionTestResult, summary="Test a cluster before it is saved")
async def try_new(app: App, who: Administrator, given: ClusterInput) -> ConnectionTestResult:  # noqa: ARG001
    return await app.tests.cluster(given)


@clusters.post("/{cluster_id}/test/", response_model=ConnectionTestResult, summary="Test a saved cluster, as it is or as changed")
async def try_saved(app: App, who: Administrator, cluster_id: str, given: ClusterInput | None = None) -> ConnectionTestResult:  # noqa: ARG001
    return await app.tests.cluster(given, cluster_id)


@clusters.post("/{cluster_id}/commands/", status_code=202, response_model=CommandAnswer, summary="Pause, unpause, trigger or poll")
async def ask(app: App, who: Operator, request: Request, cluster_id: str, given: CommandInput, key: Key = None) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        command = await app.commands.ask(actor_of(request, who), cluster_id, given, work=work)
        answer = CommandAnswer(
            id=command.command_id,
            cluster_id=cluster_id,
            action=command.do.action,
            dag_id=given.dag_id,
            dag_run_id=getattr(command.do, "dag_run_id", None),
            status="asked",
            requested_by=command.requested_by,
            asked_at=command.requested_at,
            body=command.do.model_dump(mode="json"),
        )
        return 202, answer.model_dump(mode="json"), {"Location": f"/api/commands/{command.command_id}/"}

    return await once(app, who, request, key, do)


@clusters.get("/{cluster_id}/commands/", response_model=Page[CommandAnswer], summary="List the newest commands to a cluster")
async def list_commands(app: App, who: Viewer, cluster_id: str, limit: Limit = 50) -> Page[CommandAnswer]:  # noqa: ARG001
    if await app.reads.definition(Kind.CLUSTER, cluster_id) is None:
        raise Missing("cluster", cluster_id)
    return Page(items=tuple(await app.reads.commands(cluster_id=cluster_id, limit=limit)))


@commands.get("/{command_id}/", response_model=CommandAnswer, summary="Read how far a command got")
async def read_command(app: App, who: Viewer, command_id: str) -> CommandAnswer:  # noqa: ARG001
    found = await app.reads.command(command_id)
    if found is None:
        raise Missing("command", command_id)
    return found


add_routes(clusters, Kind.CLUSTER, ClusterInput, ClusterAnswer, lambda app: app.clusters, _show)
