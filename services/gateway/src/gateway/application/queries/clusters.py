"""Pages of clusters."""

from collections.abc import Mapping
from datetime import timedelta

from gateway.application.answers.clusters import ClusterAnswer, ClusterView, CommandAnswer
from gateway.application.ports.read_model import DagFilter
from gateway.application.queries.activity import finished_per_hour
from gateway.application.queries.base import Queries
from gateway.application.queries.words import chips, path, took, with_query
from gateway.application.views.clusters import Budget, ClusterPage, ClusterRow, ClustersPage, ImportErrorRow
from gateway.application.views.overview import ClusterTile, HealthPart
from gateway.application.views.parts import Action, CommandView, Confidence, Fact, FilterChip, Seen, Tone, state_view
from gateway.application.views.shell import Person
from shared.contracts.clusters import ClusterObserved, ComponentHealth
from shared.runtime.clock import now

TITLES = {"scheduler": "Scheduler", "dag_processor": "DAG processor", "triggerer": "Triggerer", "metadatabase": "Metadatabase"}
_TONES: dict[str, Tone] = {"healthy": "ok", "unhealthy": "bad", "unknown": "unknown", "absent": "waiting"}
_WORST = {"unhealthy": 0, "unknown": 1, "healthy": 2}
_CONFIDENCE: dict[str, Confidence] = {"measured": "high", "inferred": "low", "stale": "low", "none": "none"}
_ACTIONS = {"pause_dag": "Pause", "trigger_dag": "Trigger", "poll_now": "Read now"}


def health_parts(cluster: ClusterAnswer) -> tuple[HealthPart, ...]:
    """Return the parts of a cluster; while it can't be seen every one of them is unknown, whatever it was before."""
    state = cluster.state
    observed = state.observation
    if observed is not None and not observed.components and state.answered is not None:
        observed = state.answered
    if observed is None:
        return ()
    return tuple(_part(part, observed, state) for part in observed.components if part.health != "absent")


def _part(part: ComponentHealth, observed: ClusterObserved, state: ClusterView) -> HealthPart:
    stale = state.stale
    confidence: Confidence = "none" if stale else _CONFIDENCE[part.confidence]
    tone = "unknown" if stale else _TONES[part.health]
    evidence = part.detail or ("" if part.heartbeat_age is None else f"heartbeat {took(part.heartbeat_age)} old when it was read")
    return HealthPart(
        name=TITLES.get(part.component, part.component.replace("_", " ").capitalize()),
        tone=tone,
        word=f"{state_view(part.health).word} when last seen" if stale else state_view(part.health).word,
        seen=Seen(at=observed.observed_at, stale=stale, stale_at=state.stale_at, source=part.source, confidence=confidence),
        source=part.source,
        confidence=confidence,
        evidence=evidence,
    )


def seen_of(cluster: ClusterAnswer) -> Seen:
    """Return when a cluster was last seen properly."""
    state = cluster.state
    at = state.last_answer_at if state.stale else state.observed_at
    confidence: Confidence = "none" if state.stale else "high"
    return Seen(at=at, stale=state.stale, stale_at=state.stale_at, source="cluster-poller", confidence=confidence)


def seen_of_all(clusters: list[ClusterAnswer]) -> Seen:
    """Return when the one was seen that was not seen for longest; it turns stale with the first of them."""
    states = [item.state for item in clusters]
    oldest = min((state.observed_at for state in states if state.observed_at), default=None)
    turns = min((state.stale_at for state in states if state.stale_at), default=None)
    return Seen(at=oldest, stale=any(state.stale for state in states), stale_at=turns, source="cluster-poller")


def tile(cluster: ClusterAnswer, activity: tuple[float | None, ...] = ()) -> ClusterTile:
    """Return a cluster in one glance."""
    state = cluster.state
    known = state.answered or state.observation
    return ClusterTile(
        id=cluster.id,
        name=cluster.name,
        url=path("clusters", cluster.id),
        tone=_TONES[state.health],
        word=state_view(state.health).word,
        seen=seen_of(cluster),
        health=health_parts(cluster),
        dags=known.dags_total if known else None,
        activity=activity,
        note="" if state.health == "healthy" else state.sentence,
    )


def command_view(command: CommandAnswer) -> CommandView:
    """Return a command as pages show it."""
    what = _ACTIONS.get(command.action, command.action)
    if command.action == "pause_dag" and command.body.get("paused") is False:
        what = "Unpause"
    return CommandView(
        id=command.id,
        what=what,
        target=" · ".join(part for part in (command.cluster, command.dag_id) if part),
        state=state_view(command.status),
        asked_by=command.requested_by,
        asked_at=command.asked_at,
        settled_at=command.settled_at,
        reason=command.reason,
    )


def airflow_of(cluster: ClusterAnswer) -> str:
    """Return the Airflow version as far as it is known."""
    known = cluster.state.answered or cluster.state.observation
    return f"Airflow {known.version}" if known and known.version else "Airflow, version not known"


class ClusterQueries(Queries):
    """The clusters' pages."""

    async def clusters(self, person: Person, asked: Mapping[str, str]) -> ClustersPage:  # noqa: ARG002
        every = await self._reads.clusters()
        words, state = asked.get("q", "").strip()[:200], asked.get("state", "all")
        failed, activity = await self._reads.failed_by_cluster(), await finished_per_hour(self._reads, now())
        found = [item for item in every if words.casefold() in f"{item.name} {item.base_url} {' '.join(item.tags)}".casefold()]
        shown = sorted(
            (item for item in found if state in ("all", item.state.health)), key=lambda item: (_WORST[item.state.health], item.name)
        )
        counts = {word: sum(item.state.health == word for item in found) for word in _WORST}
        options = [("all", "All", len(found)), *((word, word.capitalize(), number) for word, number in counts.items())]
        return ClustersPage(
            rows=tuple(self._cluster_row(item, failed.get(item.id, 0), activity.get(item.id, ())) for item in shown),
            chips=chips("/clusters/", options, state, q=words),
            search=words,
            seen=seen_of_all(every),
        )

    def _cluster_row(self, cluster: ClusterAnswer, failed: int, activity: tuple[float | None, ...]) -> ClusterRow:
        observed = cluster.state.observation
        errors = observed.import_errors if observed else None
        return ClusterRow(
            tile=tile(cluster, activity),
            airflow=airflow_of(cluster),
            address=cluster.base_url,
            tags=cluster.tags,
            failed_runs=None if cluster.state.observation is None else failed,
            import_errors=None if errors is None else len(errors),
        )

    async def cluster(self, person: Person, cluster_id: str) -> ClusterPage | None:  # noqa: ARG002
        cluster = await self._reads.cluster(cluster_id)
        if cluster is None:
            return None
        state = cluster.state
        observed, known = state.observation, state.answered or state.observation
        counts = await self._reads.dag_counts(DagFilter(cluster_id=cluster_id))
        url = with_query("/dags/", cluster=cluster_id)
        dag_chips = tuple(
            FilterChip(label=label, url=with_query("/dags/", cluster=cluster_id, state=value), count=counts.get(key))
            for key, value, label in (
                ("all", "", "All DAGs"),
                ("failed", "failed", "Failed"),
                ("running", "running", "Running"),
                ("paused", "paused", "Paused"),
            )
        )
        errors = known.import_errors if known else None
        return ClusterPage(
            id=cluster.id,
            name=cluster.name,
            address=cluster.base_url,
            airflow=airflow_of(cluster),
            tags=cluster.tags,
            state=state_view(state.health),
            sentence=state.sentence,
            seen=seen_of(cluster),
            health=health_parts(cluster),
            budget=_budget(cluster),
            facts=_facts(cluster, observed),
            dag_chips=dag_chips,
            commands=tuple(command_view(item) for item in await self._reads.commands(cluster_id=cluster_id, limit=10)),
            import_errors=None
            if errors is None
            else tuple(ImportErrorRow(file=item.filename, message=item.error, since=item.at) for item in errors),
            actions=(
                Action(
                    label="Test connection",
                    url=path("clusters", cluster_id, "test"),
                    icon="test",
                    consequence="Calls it once; changes nothing.",
                ),
                Action(label="Read now", url=path("clusters", cluster_id, "poll"), icon="retry"),
                Action(label="DAGs", url=url, method="get"),
                Action(label="Edit", url=path("clusters", cluster_id, "edit"), method="get"),
                Action(label="Delete", url=path("clusters", cluster_id, "delete"), method="get", look="danger"),
            ),
            trouble=self._away("cluster-poller", "Nothing new is read from this cluster."),
        )


def _budget(cluster: ClusterAnswer) -> Budget | None:
    observed = cluster.state.observation
    if observed is None:
        return None
    per_minute = observed.requests * 60 / cluster.poll_seconds if cluster.poll_seconds else None
    return Budget(
        used_per_minute=None if cluster.state.stale else per_minute,
        last_poll_requests=observed.requests,
        last_poll_seconds=observed.latency_seconds,
    )


def _facts(cluster: ClusterAnswer, observed: ClusterObserved | None) -> tuple[Fact, ...]:
    known = cluster.state.answered or observed
    facts = [
        Fact(label="Address", value=cluster.base_url, mono=True),
        Fact(label="Signs in", value=f"{cluster.sign_in} · {cluster.username}" if cluster.username else cluster.sign_in),
        Fact(label="Read every", value=f"{cluster.poll_seconds:g} s"),
        Fact(label="Certificate", value="checked" if cluster.verify_tls else "not checked", tone=None if cluster.verify_tls else "retry"),
    ]
    if cluster.environment:
        facts.append(Fact(label="Environment", value=cluster.environment))
    if known is not None:
        if known.api:
            facts.append(Fact(label="API", value=known.api))
        if known.clock_skew_seconds is not None and abs(known.clock_skew_seconds) > timedelta(seconds=5).total_seconds():
            facts.append(Fact(label="Clock", value=f"{known.clock_skew_seconds:+.0f} s against ours", tone="retry"))
        if known.queued_task_instances is not None:
            facts.append(Fact(label="Queued tasks", value=str(known.queued_task_instances)))
        if known.oldest_queued_seconds is not None:
            facts.append(Fact(label="Waiting longest", value=took(known.oldest_queued_seconds)))
    if observed is not None and observed.latency_seconds is not None:
        facts.append(Fact(label="Last poll", value=f"{took(observed.latency_seconds)}, {observed.requests} requests"))
    if cluster.state.observed_at is not None and now() - cluster.state.observed_at > timedelta(minutes=1):
        facts.append(Fact(label="Not read since", value=cluster.state.observed_at.strftime("%Y-%m-%d %H:%M:%S UTC"), tone="unknown"))
    return tuple(facts)
