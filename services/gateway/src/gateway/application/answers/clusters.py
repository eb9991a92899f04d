"""Clusters and what was seen of them."""

from datetime import datetime
from typing import Any

from gateway.application.answers.base import Answer, example
from shared.contracts.clusters import ClusterObserved


class ClusterView(Answer):
    """The state of a cluster as it is known now. ``health`` is unknown, never healthy, when it is not known now."""

    health: str
    sentence: str
    stale: bool
    stale_at: datetime | None = None
    """When it is stale without news; None = it is."""
    observed_at: datetime | None = None
    age_seconds: float | None = None
    last_answer_at: datetime | None = None
    observation: ClusterObserved | None = None
    answered: ClusterObserved | None = None


class ClusterAnswer(Answer):
    """A registered cluster with its state. The secret is write-only: ``has_secret`` says that one is stored."""

    model_config = example(
        id="01977d0a-0000-7000-8000-000000000002",
        name="eu-prod",
        base_url="https://airflow.eu.example.com",
        environment="production",
        tags=["eu"],
        sign_in="password",
        username="flowtower",
        has_secret=True,
        revision=3,
        created_at="2026-11-20T09:00:00Z",
        created_by="ada",
        updated_at="2026-11-21T10:30:00Z",
        updated_by="mk",
        state={
            "health": "unhealthy",
            "sentence": "The scheduler gives no sign of life for 94 s.",
            "stale": False,
            "observed_at": "2026-11-22T03:14:05Z",
            "age_seconds": 2.4,
            "last_answer_at": "2026-11-22T03:14:05Z",
        },
    )

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

    model_config = example(
        id="01977f00-0000-7000-8000-000000000011",
        cluster_id="01977d0a-0000-7000-8000-000000000002",
        cluster="eu-prod",
        action="pause_dag",
        dag_id="orders_hourly",
        status="confirmed",
        requested_by="ada",
        asked_at="2026-11-22T03:20:00Z",
        sent_at="2026-11-22T03:20:00.2Z",
        settled_at="2026-11-22T03:20:00.5Z",
        observed={"is_paused": True},
        body={"action": "pause_dag", "dag_id": "orders_hourly", "paused": True},
    )

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
