"""What the observations of a cluster add up to. What is not known now is unknown, never healthy."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.clusters import ClusterObserved, Health, Reach

_TITLES = {"metadatabase": "metadata database", "dag_processor": "DAG processor"}
_REACH = {
    Reach.UNREACHABLE: "It does not answer.",
    Reach.UNAUTHORISED: "It refuses our credentials.",
    Reach.BAD_ANSWER: "What answers there is no Airflow API.",
    Reach.TLS_FAILED: "Its certificate is not trusted.",
    Reach.EGRESS_REFUSED: "Our own policy forbids its address.",
}


@dataclass(frozen=True)
class Verdict:
    """``health`` is healthy, unhealthy or unknown; ``sentence`` says why."""

    health: str
    sentence: str
    stale: bool


def stale_after(poll_seconds: float) -> timedelta:
    """Return the age at which an observation says nothing about now: three polls, at least 20 seconds."""
    return timedelta(seconds=max(20.0, poll_seconds * 3))


def judge(observed: ClusterObserved | None, *, at: datetime, poll_seconds: float) -> Verdict:
    """Judge the newest observation."""
    if observed is None:
        return Verdict("unknown", "It was not observed yet.", stale=True)
    if observed.reach is not Reach.ANSWERED:
        # However old: a cluster in trouble is asked less and less often, and why it was not seen still says most.
        return Verdict("unknown", observed.detail or _REACH[observed.reach], stale=True)
    if at - observed.observed_at > stale_after(poll_seconds):
        return Verdict("unknown", "It was not observed lately: the poller is away or behind.", stale=True)
    ill = [part for part in observed.components if part.health is Health.UNHEALTHY]
    if ill:
        names = " and ".join(_TITLES.get(part.component, part.component) for part in ill)
        detail = f" {ill[0].detail}" if ill[0].detail else ""
        return Verdict("unhealthy", f"Its {names} {'is' if len(ill) == 1 else 'are'} not healthy.{detail}", stale=False)
    known = [part for part in observed.components if part.health is Health.HEALTHY]
    unknown = [part for part in observed.components if part.health is Health.UNKNOWN]
    if unknown or not known:
        names = " and ".join(_TITLES.get(part.component, part.component) for part in unknown) or "components"
        return Verdict("unknown", f"The state of its {names} is not known.", stale=False)
    return Verdict("healthy", "All of its parts are healthy.", stale=False)
