"""Registering endpoints: the named systems that components refer to."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.application.definitions import Definition, Kind
from gateway.application.ports.work import Addresses, Work
from gateway.domain.addresses import check_url, hosts_of, origin
from gateway.domain.nearest import meant
from gateway.domain.problems import Conflict, FieldProblem
from shared.contracts.base import Json, Name
from shared.contracts.endpoints import Breaker, EndpointLimits, EndpointRegistered
from shared.contracts.kinds import ENDPOINT_KINDS
from shared.contracts.topics import ENDPOINTS_REGISTRY


class BreakerInput(Breaker):
    """As in the contract; a field that it does not know is refused here."""

    model_config = ConfigDict(extra="forbid")


class LimitsInput(EndpointLimits):
    """As in the contract; a field that it does not know is refused here."""

    model_config = ConfigDict(extra="forbid")

    breaker: BreakerInput | None = None


class EndpointInput(BaseModel):
    """An endpoint as somebody registers it. ``secrets`` is write-only, each by itself: one that is not named stays as it is stored, ""
    forgets it. When the address changes, those that are not given again are forgotten.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "prod-kafka", "kind": "kafka", "options": {"bootstrap_servers": "kafka.example.com:9092"}},
                {
                    "name": "orders-mq",
                    "kind": "mq",
                    "options": {"host": "mq.example.com", "username": "orders"},
                    "secrets": {"password": "…"},
                    "limits": {"concurrency": 4, "breaker": {"failures": 5, "open_for": 30}, "retry_budget": 60},
                },
            ]
        },
    )

    name: Name
    kind: str = Field(max_length=40)
    options: dict[str, Json] = {}
    secrets: dict[str, str] | None = Field(default=None, repr=False)
    limits: LimitsInput = LimitsInput()


class EndpointShape:
    """What is particular to endpoints."""

    kind = Kind.ENDPOINT
    topic = ENDPOINTS_REGISTRY
    opener = "executor"

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    async def ask(self, given: EndpointInput) -> list[FieldProblem]:  # noqa: ARG002
        return []

    async def check(self, work: Work, given: EndpointInput, before: Definition | None) -> list[FieldProblem]:  # noqa: ARG002
        return check_endpoint(given, before, self._addresses)

    def name(self, given: EndpointInput) -> str:
        return given.name

    def body(self, given: EndpointInput) -> dict[str, Any]:
        return {"kind": given.kind, "options": given.options, "limits": given.limits.model_dump(mode="json", exclude_none=True)}

    def secret(self, given: EndpointInput) -> dict[str, str]:
        return dict(given.secrets or {})

    def encode(self, secrets: dict[str, str]) -> bytes:
        return json.dumps(secrets).encode()

    def address(self, body: dict[str, Any]) -> object:
        options = body.get("options", {})
        if "base_url" in options:
            return origin(str(options["base_url"]))
        return tuple((key, str(options.get(key))) for key in ("bootstrap_servers", "host", "port"))

    def message(self, definition: Definition) -> EndpointRegistered:
        return EndpointRegistered(
            endpoint_id=definition.id,
            name=definition.name,
            kind=definition.body["kind"],
            options=definition.body["options"],
            sealed_secret=definition.sealed_secret,
            limits=EndpointLimits.model_validate(definition.body.get("limits", {})),
            revision=definition.revision,
        )

    async def may_go(self, work: Work, definition: Definition) -> None:
        """Refuse while a workflow's newest version names it."""
        refuse_used(definition, await work.users_of_endpoint(definition.name))

    async def may_change_name(self, work: Work, definition: Definition) -> None:
        """Refuse while a workflow's newest version names it: the executors find it by its name."""
        refuse_used(definition, await work.users_of_endpoint(definition.name), field="name")


def refuse_used(definition: Definition, users: list[str], *, field: str = "") -> None:
    """Raise Conflict with the names of the workflows that name it."""
    if users:
        more = f" and {len(users) - 5} more" if len(users) > 5 else ""
        raise Conflict(
            f"The {definition.kind} '{definition.name}' is used by {', '.join(users[:5])}{more}."
            " Publish versions without it, or delete these workflows first.",
            field=field,
        )


def check_endpoint(given: EndpointInput, before: Definition | None, addresses: Addresses) -> list[FieldProblem]:
    """Return what is wrong with an endpoint's kind, options and secrets."""
    kind = ENDPOINT_KINDS.get(given.kind)
    if kind is None:
        return [FieldProblem("kind", f"There is no kind '{given.kind}'.", meant(given.kind, ENDPOINT_KINDS))]
    problems: list[FieldProblem] = []
    if before is not None and before.body["kind"] != given.kind:
        hint = "Register a new endpoint of that kind instead: components depend on this one."
        problems.append(FieldProblem("kind", f"The kind can't be changed from {before.body['kind']} to {given.kind}.", hint))
    for part, model, values in (("options", kind.endpoint, given.options), ("secrets", kind.secrets, given.secrets or {})):
        try:
            model.model_validate(values)
        except ValidationError as wrong:
            for error in wrong.errors(include_url=False, include_input=False):
                key = ".".join(str(item) for item in error["loc"])
                field = model.model_fields.get(str(error["loc"][0])) if error["loc"] else None
                hint = (
                    meant(key, model.model_fields) if error["type"] == "extra_forbidden" else ((field.description or "") if field else "")
                )
                problems.append(FieldProblem(f"{part}.{key}" if key else part, _words(error["type"], error["msg"], key), hint))
    return problems or _check_addresses(given, addresses)


def _words(kind: str, message: str, key: str) -> str:
    if kind == "extra_forbidden":
        return f"'{key}' is not known here."
    if kind == "missing":
        return f"'{key}' is needed."
    return message if message.endswith(".") else f"{message}."


def _check_addresses(given: EndpointInput, addresses: Addresses) -> list[FieldProblem]:
    options = given.options
    hosts: list[tuple[str, str]] = []
    if "base_url" in options:
        parts, problem = check_url("options.base_url", str(options["base_url"]))
        if problem is not None:
            return [problem]
        hosts = [("options.base_url", (parts.hostname or "") if parts else "")]
    elif "bootstrap_servers" in options:
        servers = str(options["bootstrap_servers"])
        for server in servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:
                return [
                    FieldProblem(
                        "options.bootstrap_servers", f"'{server.strip()[:200]}' is not host:port.", "Write e.g. kafka.example.com:9092."
                    )
                ]
        hosts = [("options.bootstrap_servers", host) for host in hosts_of(servers)]
    elif "host" in options:
        if "://" in str(options["host"]) or "/" in str(options["host"]):
            return [FieldProblem("options.host", "This is a URL, not a host.", "Write the host name alone; the port has its own field.")]
        hosts = [("options.host", str(options["host"]))]
    hint = "Use an address that others can reach, or have this one added to FLOWTOWER_EGRESS_ALLOW."
    return [FieldProblem(field, reason, hint) for field, host in hosts if (reason := addresses.refusal(host)) is not None]
