"""Endpoints, rules, channels and workflows as the API shows them."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from gateway.application.answers.base import Answer
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
    kind: str
    options: dict[str, Any] = {}
    limits: EndpointLimits = EndpointLimits()
    used_by: tuple[str, ...] = ()


class RuleAnswer(Described):
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
    kind: str
    options: dict[str, Any] = {}
    enabled: bool = True


class WorkflowAnswer(Answer):
    """A workflow with its newest version."""

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
