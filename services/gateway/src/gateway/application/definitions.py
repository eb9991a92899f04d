"""Definitions: the named things that people register. One shape for all kinds; what differs is in ``body``."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What can be defined beside workflows."""

    CLUSTER = "cluster"
    ENDPOINT = "endpoint"
    RULE = "rule"
    CHANNEL = "channel"


@dataclass(frozen=True)
class Definition:
    """One definition. ``body`` holds the contract's fields without id, name, revision and secret."""

    kind: Kind
    id: str
    name: str
    revision: int
    body: dict[str, Any]
    sealed_secret: str | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str

    @property
    def etag(self) -> str:
        """The revision, as HTTP names it."""
        return f'"{self.revision}"'

    def shown(self) -> dict[str, Any]:
        """What may be shown and recorded: everything but the secret, of which only its presence is said."""
        return {"name": self.name, **self.body, "has_secret": self.sealed_secret is not None}

    def changed(self, *, name: str, body: dict[str, Any], sealed_secret: str | None, at: datetime, by: str) -> "Definition":
        """Return the next revision."""
        return replace(self, name=name, body=body, sealed_secret=sealed_secret, revision=self.revision + 1, updated_at=at, updated_by=by)


@dataclass(frozen=True)
class Actor:
    """Who asks, and by which request."""

    name: str
    via: str = "api"
    request_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of the audit."""

    who: str
    action: str
    kind: str
    subject_id: str
    subject: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str = ""
    request_id: str = ""
    at: datetime | None = None
    id: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class WorkflowRecord:
    """A workflow with its newest version's number."""

    id: str
    name: str
    description: str
    latest: int
    retired: bool
    created_at: datetime
    updated_at: datetime
    updated_by: str

    @property
    def etag(self) -> str:
        """The newest version, as HTTP names it."""
        return f'"{self.latest}"'


@dataclass(frozen=True)
class VersionRecord:
    """One version of a workflow; it never changes."""

    workflow_id: str
    version: int
    yaml: str
    definition: dict[str, Any]
    published_at: datetime
    published_by: str
    note: str = ""
