"""A cluster as the alerter knows it, and what can be said of it at this very moment.

Ages are computed now, not when the poll was made: a heartbeat that stops is noticed without a new observation. An
observation that is itself too old proves nothing any more, so a poller that is away makes clusters ``no_data``, not sick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerter.domain.rule import Judgement, Rule, Verdict, judge_cluster
from alerter.domain.subject import COMPONENTS, Thing, Value, Values, in_words
from shared.contracts.clusters import ClusterObserved, ClusterRegistered, ComponentHealth, Confidence, Reach

FRESH_SECONDS = 20.0
"""An observation may be this old, or four polls if that is more."""

AGELESS = frozenset({"name", "environment", "tags", "observation_age"})
"""What is known of a cluster even when nobody observes it."""


@dataclass(frozen=True)
class Cluster:
    cluster_id: str
    registered: ClusterRegistered | None
    observed: ClusterObserved | None
    known_since: datetime
    """When the alerter first heard of the cluster."""

    @property
    def name(self) -> str:
        return self.registered.name if self.registered else self.cluster_id

    @property
    def thing(self) -> Thing:
        return Thing(self.cluster_id, self.name, f"/clusters/{self.cluster_id}/", {"cluster": self.name})

    @property
    def fresh_seconds(self) -> float:
        """Return how old an observation of this cluster may be before it proves nothing."""
        return max(FRESH_SECONDS, 4 * self.registered.poll_seconds) if self.registered else FRESH_SECONDS

    def observation_age(self, now: datetime) -> float:
        """Return the seconds since the last observation, or since the cluster is known."""
        return max(0.0, (now - (self.observed.observed_at if self.observed else self.known_since)).total_seconds())

    def values(self, now: datetime) -> dict[str, Value]:
        """Return the variables that are known now; the others are left out."""
        age = self.observation_age(now)
        values: dict[str, Value] = {"name": self.name, "observation_age": age, "environment": "", "tags": []}
        if self.registered:
            values |= {"environment": self.registered.environment, "tags": list(self.registered.tags)}
        if self.observed is None or age > self.fresh_seconds:
            return values
        values |= {"answered": self.observed.reach is Reach.ANSWERED, "reach": self.observed.reach.value}
        if self.observed.latency_seconds is not None:
            values["latency"] = self.observed.latency_seconds
        if self.observed.reach is Reach.ANSWERED:
            values |= _told_by_the_cluster(self.observed, now, age)
        return values


def _told_by_the_cluster(observed: ClusterObserved, now: datetime, age: float) -> dict[str, Value]:
    known: dict[str, Value | None] = {
        "version": observed.version,
        "dags_total": observed.dags_total,
        "dags_paused": observed.dags_paused,
        "queued_tasks": observed.queued_task_instances,
        "oldest_queued": None if observed.oldest_queued_seconds is None else observed.oldest_queued_seconds + age,
        "import_errors": None if observed.import_errors is None else len(observed.import_errors),
    }
    if observed.queued_task_instances == 0:
        known["oldest_queued"] = 0.0
    for part in observed.components:
        if part.component in COMPONENTS:
            known[f"{part.component}.health"] = part.health.value
            known[f"{part.component}.heartbeat_age"] = _heartbeat_age(part, observed, now, age)
    return {name: value for name, value in known.items() if value is not None}


def _heartbeat_age(part: ComponentHealth, observed: ClusterObserved, now: datetime, age: float) -> float | None:
    """Return the age now: what the cluster's own clock said plus the time since, else by the clocks' known difference."""
    if part.confidence in {Confidence.NONE, Confidence.STALE}:
        return None
    if part.heartbeat_age is not None:
        return part.heartbeat_age + age
    if part.heartbeat_at is None:
        return None
    return max(0.0, (now - part.heartbeat_at).total_seconds() + (observed.clock_skew_seconds or 0.0))


def judge_all(rules: Sequence[Rule], cluster: Cluster, now: datetime, *, awake_since: datetime) -> list[Judgement]:
    """Judge every rule about one cluster now; its values are the same for all of them."""
    values = cluster.values(now)
    return [judge(rule, cluster, values, now, awake_since=awake_since) for rule in rules]


def judge(rule: Rule, cluster: Cluster, values: Values, now: datetime, *, awake_since: datetime) -> Judgement:
    """Judge one rule about one cluster, whose ``values`` are those of now.

    ``awake_since`` is when this alerter began to read observations: before it has had the time to catch up, an old
    observation is not yet a missing one.
    """
    age = cluster.observation_age(now)
    if "answered" not in values and rule.expression.used - AGELESS:
        if (now - awake_since).total_seconds() < cluster.fresh_seconds:
            return Judgement(cluster.thing, Verdict.SAYS_NOTHING, "", values)
        return Judgement(cluster.thing, Verdict.NO_DATA, f"No observation of {cluster.name} for {in_words(round(age))} s.", values)
    return judge_cluster(rule, cluster.thing, values, away=_away(cluster))


def _away(cluster: Cluster) -> str:
    observed = cluster.observed
    if observed is None or observed.reach is Reach.ANSWERED:
        return ""
    return f"The cluster does not answer ({observed.reach.value}). {observed.detail}".strip()
