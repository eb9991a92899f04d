"""Clusters and what was seen of them."""

from datetime import datetime
from typing import Any

from gateway.application.answers.base import Answer
from shared.contracts.clusters import ClusterObserved


class ClusterView(Answer):
    """The state of a cluster as it is known now. ``health`` is unknown, never healthy, when it is not known now."""

    health: str
    sentence: str
    stale: bool
    observed_at: datetime | None = None
    age_seconds: float | None = None
    last_answer_at: datetime | None = None
    observation: ClusterObserved | None = None
    answered: ClusterObserved | None = None


class ClusterAnswer(Answer):
    """A registered cluster with its state. The secret is write-only: ``has_secret`` says that one is stored."""

    id: str
    name: str
    base_url: str
    environment: str = ""
    tags: tuple[str, ...] = ()
    sign_in: str = "password"
    username: str = ""
    has_secret: bool = False
    verify_tls: bool = True
    ca_pem: str | None = None
    poll_seconds: float = 5.0
    revision: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    state: ClusterView


class CommandAnswer(Answer):
    """A command to a cluster: asked → sent → confirmed, or refused with the reason."""

    id: str
    cluster_id: str
    cluster: str = ""
    action: str
    dag_id: str | None = None
    dag_run_id: str | None = None
    status: str
    reason: str = ""
    requested_by: str = ""
    asked_at: datetime
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    observed: dict[str, Any] = {}
    body: dict[str, Any] = {}
