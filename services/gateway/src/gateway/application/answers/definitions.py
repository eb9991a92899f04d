"""Endpoints, rules, channels and workflows as the API shows them."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from gateway.application.answers.base import Answer, example
from gateway.application.answers.endpoints import EndpointHold
from gateway.application.definitions import Definition, VersionRecord, WorkflowRecord
from shared.contracts.endpoints import EndpointLimits


class Described(Answer):
    """What every definition shows. Secrets are write-only: ``secrets`` names those that are stored."""

    id: str
    name: str
    revision: int
    has_secret: bool = False
    secrets: tuple[str, ...] = ()
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class EndpointAnswer(Described):
    """An endpoint. ``held``: attempts that wait for its limits now; a breaker at which nothing waits is not in it."""

    model_config = example(
        id="01977d0d-0000-7000-8000-000000000003",
        name="orders-mq",
        revision=2,
        has_secret=True,
        secrets=["password"],
        created_at="2026-11-20T09:00:00Z",
        created_by="ada",
        updated_at="2026-11-21T10:30:00Z",
        updated_by="mk",
        kind="mq",
        options={"host": "mq.example.com", "port": 5672, "username": "flowtower"},
        limits={"concurrency": 20},
        used_by=["order-processing"],
        held=[{"limit": "breaker", "attempts": 12, "since": "2026-11-22T03:10:00Z", "until": "2026-11-22T03:11:00Z"}],
    )

    kind: str
    options: dict[str, Any] = {}
    limits: EndpointLimits = EndpointLimits()
    used_by: tuple[str, ...] = ()
    held: tuple[EndpointHold, ...] = ()


class RuleAnswer(Described):
    model_config = example(
        id="01977d0c-0000-7000-8000-000000000005",
        name="no-heartbeat",
        revision=1,
        created_at="2026-11-20T09:00:00Z",
        created_by="ada",
        updated_at="2026-11-21T10:30:00Z",
        updated_by="mk",
        subject="cluster",
        expression="answered && scheduler.heartbeat_age > 30.0",
        hold=30,
        severity="critical",
        summary="{name}: no heartbeat of the scheduler",
        labels={"team": "data"},
        channels=["01977d0b-0000-7000-8000-000000000004"],
        firing=1,
    )

    subject: str
    expression: str
    hold: float
    severity: str
    summary: str = ""
    labels: dict[str, str] = {}
    channels: tuple[str, ...] = ()
    enabled: bool = True
    firing: int = 0


class ChannelAnswer(Described):
    model_config = example(
        id="01977d0b-0000-7000-8000-000000000004",
        name="ops",
        revision=1,
        has_secret=True,
        secrets=["token"],
        created_at="2026-11-20T09:00:00Z",
        created_by="ada",
        updated_at="2026-11-21T10:30:00Z",
        updated_by="mk",
        kind="slack",
        options={"channel": "C0123456789"},
        enabled=True,
    )

    kind: str
    options: dict[str, Any] = {}
    enabled: bool = True


class WorkflowAnswer(Answer):
    """A workflow with its newest version."""

    model_config = example(
        id="01977d10-0000-7000-8000-000000000001",
        name="order-processing",
        description="Hands orders to the shop",
        version=7,
        retired=False,
        created_at="2026-11-20T09:00:00Z",
        updated_at="2026-11-22T03:12:40Z",
        updated_by="mk",
        yaml="workflow: order-processing\ncomponents: …\n",
        definition={"workflow": "order-processing"},
    )

    id: str
    name: str
    description: str
    version: int
    retired: bool
    created_at: datetime
    updated_at: datetime
    updated_by: str
    yaml: str = ""
    definition: dict[str, Any] = {}


class VersionAnswer(Answer):
    """One version of a workflow; it never changes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "workflow_id": "01977d10-0000-7000-8000-000000000001",
                    "version": 7,
                    "published_at": "2026-11-22T03:12:40Z",
                    "published_by": "mk",
                    "note": "longer retry",
                    "yaml": "workflow: order-processing\ncomponents: …\n",
                    "definition": {"workflow": "order-processing"},
                }
            ]
        }
    )

    workflow_id: str
    version: int
    published_at: datetime
    published_by: str
    note: str = ""
    yaml: str = ""
    definition: dict[str, Any] = {}


class AuditAnswer(Answer):
    """Who did what, and how it was before and after, without secrets."""

    model_config = example(
        id=4711,
        at="2026-11-22T03:25:00Z",
        who="ada",
        action="run.retry",
        kind="run",
        subject_id="0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01",
        subject="order-processing",
        before={"status": "failed"},
        after={"scope": "failed", "again": {"OrderQueue": 2}},
        reason="the queue stands again",
        request_id="01977f10-0000-7000-8000-000000000012",
    )

    id: int
    at: datetime
    who: str
    action: str
    kind: str
    subject_id: str
    subject: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str = ""
    request_id: str = ""


class SampleAnswer(Answer):
    """The newest value of a series."""

    model_config = example(
        source="cluster:01977d0a-0000-7000-8000-000000000002",
        name="cluster_heartbeat_age_seconds",
        labels={"cluster_id": "01977d0a-0000-7000-8000-000000000002", "cluster": "eu-prod", "component": "scheduler"},
        value=94.0,
        at="2026-11-22T03:14:05Z",
    )

    source: str
    name: str
    labels: dict[str, str]
    value: float
    at: datetime


def fields_of(definition: Definition) -> dict[str, Any]:
    """Return the columns and the body of a definition, without its secret."""
    plain = {name: getattr(definition, name) for name in ("id", "name", "revision", "created_at", "created_by", "updated_at", "updated_by")}
    return {**definition.body, **plain, "has_secret": definition.sealed_secret is not None}


def workflow_answer(workflow: WorkflowRecord, version: VersionRecord | None) -> WorkflowAnswer:
    """Join a workflow and one of its versions."""
    return WorkflowAnswer(
        id=workflow.id,
        name=workflow.name,
        description=workflow.description,
        version=workflow.latest if version is None else version.version,
        retired=workflow.retired,
        created_at=workflow.created_at,
        updated_at=workflow.updated_at,
        updated_by=workflow.updated_by,
        yaml="" if version is None else version.yaml,
        definition={} if version is None else version.definition,
    )
