"""Rules and channels."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.application.definitions import Definition, Kind
from gateway.application.ports.services import OnDemand, ServiceIsAway
from gateway.application.ports.work import Work
from gateway.domain.durations import WrongDuration, parse_duration
from gateway.domain.nearest import meant
from gateway.domain.problems import Conflict, FieldProblem
from shared.contracts.alerts import ChannelDefined, RuleDefined, RuleSubject, Severity
from shared.contracts.base import Id, Json, Name
from shared.contracts.channels import CHANNEL_KINDS
from shared.contracts.internal import RuleCheckRequest
from shared.contracts.topics import ALERTS_CHANNELS, ALERTS_RULES


class RuleInput(BaseModel):
    """A rule as somebody writes it. ``hold``: how long the expression must hold before the alert fires, e.g. 30s."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "scheduler-silent",
                    "subject": "cluster",
                    "expression": "scheduler.heartbeat_age > 30.0",
                    "hold": "30s",
                    "severity": "critical",
                    "summary": "The scheduler of {name} is silent",
                }
            ]
        },
    )

    name: Name
    subject: RuleSubject
    expression: str = Field(min_length=1, max_length=4000)
    hold: str | float = "0s"
    severity: Severity = Severity.WARNING
    summary: str = Field(default="", max_length=500)
    labels: dict[str, str] = Field(default={}, max_length=50)
    channels: tuple[Id, ...] = Field(default=(), max_length=50)
    enabled: bool = True


class RuleShape:
    """What is particular to rules. The alerter checks the expression; while it is away no rule is saved."""

    kind = Kind.RULE
    topic = ALERTS_RULES
    opener = ""

    def __init__(self, services: OnDemand) -> None:
        self._services = services

    async def ask(self, given: RuleInput) -> list[FieldProblem]:
        request = RuleCheckRequest(subject=given.subject, expression=given.expression, summary=given.summary)
        try:
            answer = await self._services.check_rule(request)
        except ServiceIsAway as away:
            reason = f"The expression can't be checked now: {away.reason}"
            return [FieldProblem("expression", reason, "Save it again when the alerter is back.")]
        if answer.ok:
            return []
        at = f" (line {answer.line}, column {answer.column})" if answer.line else ""
        known = f"Known: {', '.join(sorted(answer.variables))}." if answer.variables else ""
        return [FieldProblem("expression", f"{answer.message}{at}", known)]

    async def check(self, work: Work, given: RuleInput, before: Definition | None) -> list[FieldProblem]:  # noqa: ARG002
        problems: list[FieldProblem] = []
        try:
            _seconds(given.hold)
        except WrongDuration as wrong:
            problems.append(FieldProblem("hold", str(wrong), wrong.hint))
        missing = set(given.channels) - await work.existing(Kind.CHANNEL, list(given.channels))
        return problems + [
            FieldProblem("channels", f"There is no channel {name!r}.", "Choose one that exists.") for name in sorted(missing)
        ]

    def name(self, given: RuleInput) -> str:
        return given.name

    def body(self, given: RuleInput) -> dict[str, Any]:
        return {**given.model_dump(mode="json", exclude={"name", "hold"}), "hold": _seconds(given.hold)}

    def secret(self, given: RuleInput) -> dict[str, str]:  # noqa: ARG002
        return {}

    def encode(self, secrets: dict[str, str]) -> bytes:
        raise TypeError(f"A rule has no secrets, and {len(secrets)} came.")

    def address(self, body: dict[str, Any]) -> object:  # noqa: ARG002
        return None

    def message(self, definition: Definition) -> RuleDefined:
        return RuleDefined(rule_id=definition.id, name=definition.name, revision=definition.revision, **definition.body)

    async def may_go(self, work: Work, definition: Definition) -> None:
        """A rule may always go; its open alerts are resolved by the alerter."""

    async def may_change_name(self, work: Work, definition: Definition) -> None:
        """A rule may have any name; nothing finds it by that."""


def _seconds(hold: str | float) -> float:
    if isinstance(hold, int | float):
        if not 0 <= hold <= 31_536_000:
            raise WrongDuration(f"{hold} is not a duration.", "Write e.g. 30s or 2m.")
        return float(hold)
    return parse_duration(hold)


class ChannelInput(BaseModel):
    """A channel as somebody registers it. ``secrets`` is write-only, each by itself: one that is not named stays as it is stored, ""
    forgets it. When the address changes, those that are not given again are forgotten.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "data-alerts", "kind": "slack", "options": {"channel": "#data-alerts"}, "secrets": {"token": "xoxb-…"}}]
        },
    )

    name: Name
    kind: str = Field(max_length=40)
    options: dict[str, Json] = {}
    secrets: dict[str, str] | None = Field(default=None, repr=False)
    enabled: bool = True


class ChannelShape:
    """What is particular to channels."""

    kind = Kind.CHANNEL
    topic = ALERTS_CHANNELS
    opener = "alerter"

    async def ask(self, given: ChannelInput) -> list[FieldProblem]:  # noqa: ARG002
        return []

    async def check(self, work: Work, given: ChannelInput, before: Definition | None) -> list[FieldProblem]:  # noqa: ARG002
        kind = CHANNEL_KINDS.get(given.kind)
        if kind is None:
            return [FieldProblem("kind", f"There is no kind of channel '{given.kind}'.", meant(given.kind, CHANNEL_KINDS))]
        problems: list[FieldProblem] = []
        if before is not None and before.body["kind"] != given.kind:
            problems.append(FieldProblem("kind", "The kind of a channel can't be changed.", "Register a new channel instead."))
        checks = [("options", kind.options, given.options)]
        stays = before is not None and before.sealed_secret and self.address(self.body(given)) == self.address(before.body)
        kept = dict.fromkeys(before.body.get("secrets", ()), "kept") if before is not None and stays else {}
        secrets = {name: value for name, value in {**kept, **(given.secrets or {})}.items() if value}
        checks.append(("secrets", kind.secrets, secrets))
        for part, model, values in checks:
            try:
                model.model_validate(values)
            except ValidationError as wrong:
                for error in wrong.errors(include_url=False, include_input=False):
                    key = ".".join(str(item) for item in error["loc"])
                    field = model.model_fields.get(str(error["loc"][0])) if error["loc"] else None
                    hint = (
                        meant(key, model.model_fields)
                        if error["type"] == "extra_forbidden"
                        else ((field.description or "") if field else "")
                    )
                    problems.append(FieldProblem(f"{part}.{key}", f"{error['msg']}.", hint))
        return problems

    def name(self, given: ChannelInput) -> str:
        return given.name

    def body(self, given: ChannelInput) -> dict[str, Any]:
        return {"kind": given.kind, "options": given.options, "enabled": given.enabled}

    def secret(self, given: ChannelInput) -> dict[str, str]:
        return dict(given.secrets or {})

    def encode(self, secrets: dict[str, str]) -> bytes:
        return json.dumps(secrets).encode()

    def address(self, body: dict[str, Any]) -> object:
        options = body.get("options", {})
        return tuple(str(options.get(key)) for key in ("base_url", "host", "port"))

    def message(self, definition: Definition) -> ChannelDefined:
        body = definition.body
        return ChannelDefined(
            channel_id=definition.id,
            name=definition.name,
            kind=body["kind"],
            options=body["options"],
            sealed_secret=definition.sealed_secret,
            enabled=body.get("enabled", True),
            revision=definition.revision,
        )

    async def may_go(self, work: Work, definition: Definition) -> None:
        """Refuse while a rule tells it: nobody would hear of that rule any more."""
        rules = await work.rules_telling(definition.id)
        if rules:
            raise Conflict(f"The channel '{definition.name}' is told by {', '.join(rules[:5])}. Take it out of these rules first.")

    async def may_change_name(self, work: Work, definition: Definition) -> None:
        """A channel may have any name; rules name its id."""
