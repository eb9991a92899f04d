"""The first screen: is anything wrong, where, since when, why, and what do I press."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from gateway.application.answers.alerts import AlertAnswer
from gateway.application.answers.clusters import ClusterAnswer
from gateway.application.answers.runs import ComponentAnswer, RunAnswer, RunDetail
from gateway.application.definitions import Kind
from gateway.application.ports.read_model import DagFilter, RunFilter
from gateway.application.queries.activity import finished_per_hour
from gateway.application.queries.base import Queries
from gateway.application.queries.clusters import seen_of_all, tile
from gateway.application.queries.words import SEVERITY_TONES, count, path, plural, with_query
from gateway.application.views.overview import Checked, Finished, FinishedSlot, IncidentCard, Moving, OverviewPage
from gateway.application.views.parts import Action, FilterChip, Tone, Trouble, state_view
from gateway.application.views.shell import Person
from shared.runtime.clock import now

WINDOWS = {"6h": (6, 15), "24h": (24, 60), "7d": (168, 360)}
"""Window → hours, minutes per slot."""
_WORST: dict[Tone, int] = {"bad": 0, "unknown": 1, "retry": 2, "run": 3}
MOST_MOVING = 12
MOST_FAILED = 50
FAILED_NEEDS_SOMEONE = timedelta(hours=24)
"""A run that failed earlier than this is history, not news."""


def incident_card(alert: AlertAnswer) -> IncidentCard:
    """Return an alert as something that needs someone."""
    tone: Tone = "unknown" if alert.state in ("unknown", "no_data") else SEVERITY_TONES.get(alert.severity, "retry")
    url = path("alerts", alert.id)
    actions = [Action(label="Open", url=alert.url or url, method="get", look="primary")]
    if alert.acknowledged_by is None:
        consequence = "Says that you look after it; it is not repeated while it stays as it is."
        actions.append(Action(label="Acknowledge", url=path("alerts", alert.id, "acknowledge"), consequence=consequence))
    return IncidentCard(
        id=alert.id,
        url=url,
        tone=tone,
        what=alert.title,
        where=alert.where,
        evidence=alert.evidence,
        since=alert.since,
        acknowledged_by=alert.acknowledged_by or "",
        actions=tuple(actions),
    )


class OverviewQueries(Queries):
    """The overview."""

    async def overview(self, person: Person, asked: Mapping[str, str]) -> OverviewPage:  # noqa: ARG002
        at = now()
        clusters = await self._reads.clusters()
        alerts = (await self._reads.alerts(state="open", after=None, limit=50)).items
        waiting = (await self._reads.runs(RunFilter(status="waiting"), after=None, limit=20)).items
        parked = (await self._reads.runs(RunFilter(status="parked"), after=None, limit=20)).items
        moving = (await self._reads.runs(RunFilter(status="asked,queued,running,waiting,paused"), after=None, limit=MOST_MOVING)).items
        workflows, rules = await self._reads.workflows(), await self._reads.definitions(Kind.RULE)
        known = {alert.url for alert in alerts}
        cards = [incident_card(alert) for alert in alerts]
        cards += [
            _unseen(cluster) for cluster in clusters if cluster.state.health != "healthy" and path("clusters", cluster.id) not in known
        ]
        cards += [_waiting(run) for run in waiting if path("runs", run.id) not in known]
        cards += [_failed(run) for run in parked if path("runs", run.id) not in known]
        cards += [_failed(run) for run in await self._failed_runs(at) if path("runs", run.id) not in known]
        cards.sort(key=lambda card: (bool(card.acknowledged_by), _WORST.get(card.tone, 4), card.since))
        counts = await self._reads.dag_counts(DagFilter())
        window = asked.get("window", "24h") if asked.get("window", "24h") in WINDOWS else "24h"
        seen = seen_of_all(clusters)
        activity = await finished_per_hour(self._reads, at)
        return OverviewPage(
            incidents=tuple(cards),
            open_count=sum(not card.acknowledged_by for card in cards),
            acknowledged_count=sum(bool(card.acknowledged_by) for card in cards),
            clusters_total=len(clusters),
            clusters_well=sum(item.state.health == "healthy" for item in clusters),
            dags_total=counts.get("all") if clusters else None,
            seen=seen,
            tiles=tuple(tile(item, activity.get(item.id, ())) for item in sorted(clusters, key=_worst_first)),
            finished=await self._finished(at, window) if clusters else None,
            moving=tuple(_moving(run) for run in moving),
            checked=Checked(clusters=len(clusters), dags=counts.get("all", 0), workflows=len(workflows), rules=len(rules), seen=seen),
            trouble=self._services_away(),
            stage="in use" if clusters or workflows else "new",
        )

    async def _failed_runs(self, at: datetime) -> list[RunAnswer]:
        """Return of each workflow the newest failed run of a day, unless a later run of that workflow succeeded."""
        failed = (await self._reads.runs(RunFilter(status="failed"), after=None, limit=MOST_FAILED)).items
        newest: dict[str, RunAnswer] = {}
        for run in failed:
            if at - (run.finished_at or run.asked_at) < FAILED_NEEDS_SOMEONE:
                newest.setdefault(run.workflow, run)
        standing = []
        for run in newest.values():
            better = (await self._reads.runs(RunFilter(workflow=run.workflow, status="succeeded"), after=None, limit=1)).items
            if not better or better[0].asked_at < run.asked_at:
                standing.append(run)
        return standing

    def _services_away(self) -> Trouble | None:
        away = [service for service in self._services.seen() if service.up is False]
        if not away:
            return None
        names = " and ".join(service.name for service in away)
        return Trouble(
            title=f"{names} {'is' if len(away) == 1 else 'are'} away",
            text="What it tells is as old as it says; the others go on. "
            + "; ".join(f"{service.name}: {service.reason}" for service in away),
            hint="It goes on by itself when it is back.",
        )

    async def _finished(self, at: datetime, window: str) -> Finished:
        hours, minutes = WINDOWS[window]
        since = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
        slots: dict[datetime, dict[str, int]] = {}
        for slot, state, runs in await self._reads.finished_runs(since, minutes):
            slots.setdefault(slot, {})[state] = runs
        starts = [since + timedelta(minutes=minutes * place) for place in range(hours * 60 // minutes)]
        first = min(slots, default=None)
        return Finished(
            every_minutes=minutes,
            slots=tuple(
                FinishedSlot(
                    start=start,
                    success=slots.get(start, {}).get("success", 0),
                    failed=slots.get(start, {}).get("failed", 0),
                    known=first is not None and first <= start <= at,
                )
                for start in starts
            ),
            windows=tuple(
                FilterChip(label=name, url=with_query("/", window="" if name == "24h" else name), active=name == window) for name in WINDOWS
            ),
        )


def _worst_first(cluster: ClusterAnswer) -> tuple[int, str]:
    return {"unhealthy": 0, "unknown": 1, "healthy": 2}[cluster.state.health], cluster.name


def _unseen(cluster: ClusterAnswer) -> IncidentCard:
    state = cluster.state
    unhealthy = state.health == "unhealthy"
    what = f"{cluster.name} is not healthy" if unhealthy else f"{cluster.name} can't be seen"
    if state.observation is None:
        what = f"{cluster.name} was not observed yet"
    elif not unhealthy and not state.stale:
        what = f"Parts of {cluster.name} can't be seen"
    return IncidentCard(
        id=f"cluster:{cluster.id}",
        url=path("clusters", cluster.id),
        tone="bad" if unhealthy else "unknown",
        what=what,
        where=f"cluster · {cluster.base_url}",
        evidence=state.sentence,
        since=(state.observed_at if unhealthy else state.last_answer_at) or cluster.created_at,
        actions=(
            Action(label="Open cluster", url=path("clusters", cluster.id), method="get", look="primary"),
            Action(label="Test connection", url=path("clusters", cluster.id, "test"), consequence="Calls it once; changes nothing."),
        ),
    )


def _waiting(run: RunAnswer) -> IncidentCard:
    stuck = next((item for item in run.components if item.status == "retrying"), None)
    name = stuck.component if stuck else "A component"
    evidence = stuck.failure.message if stuck and stuck.failure else "It waits for its next attempt."
    if stuck and stuck.attempts:
        evidence = f"Attempt {stuck.attempt} of {stuck.attempts} failed · {evidence}"
    actions = [Action(label="Open run", url=path("runs", run.id), method="get", look="primary")]
    if stuck:
        fields = {"component": stuck.component, "scope": "component"}
        actions.append(
            Action(label="Retry now", url=path("runs", run.id, "retry"), fields=fields, consequence=f"{name} tries again at once.")
        )
    return IncidentCard(
        id=f"run:{run.id}",
        url=path("runs", run.id),
        tone="retry",
        what=f"{run.workflow} waits to retry {name}",
        where=f"workflow {run.workflow}" + (f" v{run.version}" if run.version else ""),
        evidence=evidence,
        since=(stuck.started_at if stuck else None) or run.started_at or run.asked_at,
        actions=tuple(actions),
    )


def _failed(run: RunAnswer) -> IncidentCard:
    bad = next((item for item in run.components if item.status in ("failed", "parked")), None)
    evidence = f"{bad.component}: {bad.failure.message}" if bad and bad.failure else "It failed before any component did."
    actions = [Action(label="Open run", url=path("runs", run.id), method="get", look="primary")]
    if bad:
        fields = {"component": bad.component, "scope": "component"}
        consequence = f"{bad.component} runs again, and what could not run because of it. All else stays as it is."
        actions.append(Action(label=f"Retry {bad.component}", url=path("runs", run.id, "retry"), fields=fields, consequence=consequence))
    return IncidentCard(
        id=f"run:{run.id}",
        url=path("runs", run.id),
        tone="bad",
        what=f"{run.workflow} " + ("is parked" if run.status == "parked" else "failed"),
        where=f"workflow {run.workflow}" + (f" v{run.version}" if run.version else ""),
        evidence=evidence,
        since=run.finished_at or run.asked_at,
        actions=tuple(actions),
    )


def busiest(run: RunAnswer | RunDetail) -> ComponentAnswer | None:
    """Return the component that tells most about a run: one that moves, else one that waits, else the last that ended."""
    for status in ("running", "retrying", "failed"):
        found = [item for item in run.components if item.status == status]
        if found:
            return max(found, key=lambda item: item.transfer.confirmed if item.transfer else -1)
    return None


def _moving(run: RunAnswer) -> Moving:
    item = busiest(run)
    transfer = item.transfer if item else None
    figure, fraction = "waits for the executor" if run.status == "asked" else "", None
    if transfer is not None:
        figure = f"{count(transfer.confirmed)} of {count(transfer.total)}" if transfer.total else plural(transfer.confirmed, "message")
        fraction = min(transfer.confirmed / transfer.total, 1.0) if transfer.total else None
        if transfer.per_second:
            figure += f" · {transfer.per_second:,.0f}/s"
    names = [part.component for part in run.components]
    return Moving(
        id=run.id,
        name=run.workflow,
        url=path("runs", run.id),
        state=state_view(run.status),
        source_kind="",
        source=names[0] if names else "",
        target_kind="",
        target=item.component if item else (names[-1] if names else ""),
        figure=figure,
        fraction=fraction,
    )
