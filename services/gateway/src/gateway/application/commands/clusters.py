"""Registering Airflow clusters."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from gateway.application.commands.endpoints import refuse_used
from gateway.application.definitions import Definition, Kind
from gateway.application.ports.work import Addresses, Work
from gateway.domain.addresses import check_url, origin, without_api_path
from gateway.domain.problems import FieldProblem
from shared.contracts.base import Name
from shared.contracts.clusters import ClusterRegistered, SignIn
from shared.contracts.topics import CLUSTERS_REGISTRY

Tag = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]


class ClusterInput(BaseModel):
    """A cluster as somebody registers it. ``secret`` is write-only: leave it out to keep the stored one, "" forgets it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "eu-prod",
                    "base_url": "https://airflow.eu.example.com",
                    "environment": "production",
                    "tags": ["eu"],
                    "sign_in": "password",
                    "username": "flowtower",
                    "secret": "…",
                }
            ]
        },
    )

    name: Name
    base_url: str = Field(min_length=1, max_length=2000)
    environment: str = Field(default="", max_length=40)
    tags: tuple[Tag, ...] = Field(default=(), max_length=50)
    sign_in: SignIn = SignIn.PASSWORD
    username: str = Field(default="", max_length=200)
    secret: SecretStr | None = Field(default=None, max_length=4000)
    verify_tls: bool = True
    ca_pem: str | None = Field(default=None, max_length=100_000)
    poll_seconds: float = Field(default=5.0, ge=1, le=3600)


class ClusterShape:
    """What is particular to clusters."""

    kind = Kind.CLUSTER
    topic = CLUSTERS_REGISTRY
    opener = "cluster-poller"

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    async def ask(self, given: ClusterInput) -> list[FieldProblem]:  # noqa: ARG002
        return []

    async def check(self, work: Work, given: ClusterInput, before: Definition | None) -> list[FieldProblem]:  # noqa: ARG002
        problems: list[FieldProblem] = []
        parts, problem = check_url("base_url", given.base_url)
        if problem is not None:
            problems.append(problem)
        elif parts is not None and (reason := self._addresses.refusal(parts.hostname or "")) is not None:
            hint = "Use an address that others can reach, or have this one added to FLOWTOWER_EGRESS_ALLOW."
            problems.append(FieldProblem("base_url", reason, hint))
        if given.sign_in is SignIn.PASSWORD and not given.username:
            problems.append(FieldProblem("username", "Signing in with a password needs a user name.", "Give it, or sign in with a token."))
        if given.ca_pem and "-----BEGIN CERTIFICATE-----" not in given.ca_pem:
            problems.append(FieldProblem("ca_pem", "This is not a certificate in PEM form.", "It begins with -----BEGIN CERTIFICATE-----."))
        return problems

    def name(self, given: ClusterInput) -> str:
        return given.name

    def body(self, given: ClusterInput) -> dict[str, Any]:
        body = given.model_dump(mode="json", exclude={"name", "secret"})
        body["base_url"] = without_api_path(given.base_url)
        body["tags"] = list(dict.fromkeys(given.tags))
        body["ca_pem"] = given.ca_pem or None
        return body

    def secret(self, given: ClusterInput) -> dict[str, str]:
        return {} if given.secret is None else {"secret": given.secret.get_secret_value()}

    def encode(self, secrets: dict[str, str]) -> bytes:
        return secrets["secret"].encode()

    def address(self, body: dict[str, Any]) -> object:
        return origin(str(body.get("base_url", "")))

    def message(self, definition: Definition) -> ClusterRegistered:
        return registered(definition)

    async def may_go(self, work: Work, definition: Definition) -> None:
        """Refuse while a workflow's newest version names it. What was seen of it goes with it; Airflow keeps its own."""
        refuse_used(definition, await work.users_of_cluster(definition.name))

    async def may_change_name(self, work: Work, definition: Definition) -> None:
        """Refuse while a workflow's newest version names it: the executors find it by its name."""
        refuse_used(definition, await work.users_of_cluster(definition.name), field="name")


def registered(definition: Definition) -> ClusterRegistered:
    """Return the cluster as the registry topic carries it."""
    body = {key: value for key, value in definition.body.items() if key != "secrets"}
    return ClusterRegistered(
        cluster_id=definition.id, name=definition.name, sealed_secret=definition.sealed_secret, revision=definition.revision, **body
    )
