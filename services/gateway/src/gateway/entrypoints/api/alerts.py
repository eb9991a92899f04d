"""Alerts, rules and channels."""

from typing import Annotated, Any, Literal

from fastapi import Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.application.answers.alerts import AlertAnswer, NotificationAnswer
from gateway.application.answers.base import Page, example
from gateway.application.answers.definitions import ChannelAnswer, RuleAnswer, fields_of
from gateway.application.commands.alerting import ChannelInput, RuleInput
from gateway.application.definitions import Definition, Kind
from gateway.application.ports.work import Work
from gateway.domain.problems import Missing
from gateway.entrypoints.api.definitions import add_routes
from gateway.entrypoints.api.parts import Administrator, After, App, Key, Limit, Operator, Viewer, once, paged, router
from gateway.entrypoints.application import Application, actor_of
from shared.contracts.channels import CHANNEL_KINDS
from shared.contracts.internal import RuleCheckRequest, RuleCheckResult

rules = router("/alerts/rules", "alerts")
channels = router("/alerts/channels", "alerts")
alerts = router("/alerts", "alerts")


class AcknowledgeInput(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "Looking into it."}]})

    note: str = Field(default="", max_length=1000)


class Acknowledged(BaseModel):
    """It was asked; the alert shows it when the alerter has heard of it."""

    model_config = example(alert_id="01977e00-0000-7000-8000-000000000007", status="asked")

    alert_id: str
    status: str = "asked"


class CheckInput(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"subject": "dag_run", "expression": "state == 'failed'", "summary": "{dag_id} failed"}]},
    )

    subject: str = Field(max_length=40)
    expression: str = Field(max_length=4000)
    summary: str = Field(default="", max_length=500)


class ChannelTest(BaseModel):
    """A test was asked; its outcome stands under ``/api/alerts/channels/tests/{request_id}/``."""

    model_config = example(request_id="01977f20-0000-7000-8000-000000000013", status="asked")

    request_id: str
    status: str = "asked"


@alerts.get("/", response_model=Page[AlertAnswer], summary="List alerts, newest first")
async def list_alerts(
    app: App,
    who: Viewer,  # noqa: ARG001
    request: Request,
    response: Response,
    state: Annotated[Literal["all", "open", "firing", "acknowledged", "resolved"], Query()] = "open",
    after: After = None,
    limit: Limit = 50,
) -> Page[AlertAnswer]:
    return paged(request, response, await app.reads.alerts(state=state, after=after, limit=limit))


@alerts.get("/{alert_id}/", response_model=AlertAnswer, summary="Read an alert with its story and its notifications")
async def read_alert(app: App, who: Viewer, alert_id: str) -> AlertAnswer:  # noqa: ARG001
    found = await app.reads.alert(alert_id)
    if found is None:
        raise Missing("alert", alert_id)
    return found


@alerts.post("/{alert_id}/acknowledge/", status_code=202, response_model=Acknowledged, summary="Say that somebody looks after it")
async def acknowledge(
    app: App,
    who: Operator,
    request: Request,
    alert_id: str,
    given: Annotated[AcknowledgeInput | None, Body()] = None,
    key: Key = None,
) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        await app.alerter.acknowledge(actor_of(request, who), alert_id, note=given.note if given else "", work=work)
        return 202, Acknowledged(alert_id=alert_id).model_dump(), {}

    return await once(app, who, request, key, do)


@rules.get("/", response_model=Page[RuleAnswer], summary="List rules")
async def list_rules(app: App, who: Viewer) -> Page[RuleAnswer]:  # noqa: ARG001
    firing = await app.reads.open_by_rule()
    found = await app.reads.definitions(Kind.RULE)
    return Page(items=tuple(RuleAnswer.model_validate({**fields_of(item), "firing": firing.get(item.id, 0)}) for item in found))


@rules.post("/check/", response_model=RuleCheckResult, summary="Check an expression without saving it")
async def check_rule(app: App, who: Viewer, given: CheckInput) -> RuleCheckResult:  # noqa: ARG001
    return await app.on_demand.check_rule(RuleCheckRequest(**given.model_dump()))


async def _rule(app: Application, definition: Definition) -> BaseModel:
    firing = await app.reads.open_by_rule()
    return RuleAnswer.model_validate({**fields_of(definition), "firing": firing.get(definition.id, 0)})


@channels.get("/", response_model=Page[ChannelAnswer], summary="List channels")
async def list_channels(app: App, who: Viewer) -> Page[ChannelAnswer]:  # noqa: ARG001
    return Page(items=tuple(ChannelAnswer.model_validate(fields_of(item)) for item in await app.reads.definitions(Kind.CHANNEL)))


class ChannelKindsAnswer(BaseModel):
    """What channels there can be; ``options`` and ``secrets`` are JSON Schemas of what one needs."""

    model_config = example(
        kinds=[
            {
                "name": "slack",
                "title": "Slack",
                "options": {"type": "object", "properties": {"channel": {"type": "string"}}, "required": ["channel"]},
                "secrets": {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]},
            }
        ]
    )

    kinds: tuple[dict[str, Any], ...]


@channels.get("/kinds/", response_model=ChannelKindsAnswer, summary="The kinds of channels and their options")
async def list_channel_kinds(who: Viewer) -> ChannelKindsAnswer:  # noqa: ARG001
    return ChannelKindsAnswer(
        kinds=tuple(
            {
                "name": kind.name,
                "title": kind.title,
                "options": kind.options.model_json_schema(),
                "secrets": kind.secrets.model_json_schema(),
            }
            for kind in CHANNEL_KINDS.values()
        )
    )


@channels.post("/{channel_id}/test/", status_code=202, response_model=ChannelTest, summary="Send a test notification")
async def test_channel(
    app: App,
    who: Administrator,
    request: Request,
    channel_id: str,
    key: Key = None,  # noqa: PT028 - a route, no test
) -> Response:
    async def do(work: Work) -> tuple[int, dict[str, Any], dict[str, str]]:
        request_id = await app.alerter.test_channel(actor_of(request, who), channel_id, work=work)
        return 202, ChannelTest(request_id=request_id).model_dump(), {}

    return await once(app, who, request, key, do)


@channels.get("/tests/{request_id}/", response_model=NotificationAnswer, summary="Read what became of a test notification")
async def read_test(app: App, who: Viewer, request_id: str) -> NotificationAnswer:  # noqa: ARG001
    found = await app.reads.notification_of(request_id)
    if found is None:
        raise Missing("test", request_id)
    return found


async def _channel(_app: Application, definition: Definition) -> BaseModel:
    return ChannelAnswer.model_validate(fields_of(definition))


add_routes(rules, Kind.RULE, RuleInput, RuleAnswer, lambda app: app.rules, _rule)
add_routes(channels, Kind.CHANNEL, ChannelInput, ChannelAnswer, lambda app: app.channels, _channel)
