"""What the news of a DAG run mean for the component that waits for it: done, failed, or wait on."""

from datetime import timedelta

from executor.application.clusters import DagRunNews
from executor.application.ports import Outcome, Permanent, Retryable
from executor.connectors.airflow.config import ComponentOptions
from executor.domain.durations import seconds_of

REMOVED = "removed"
"""Our word for a DAG run that is no longer there; it is none of Airflow's states of a DAG run."""

_ENDED = frozenset({"success", "failed", REMOVED})
_SILENT = timedelta(seconds=60)


def verdict(options: ComponentOptions, cluster_id: str, news: DagRunNews) -> Outcome | str:
    """Return the outcome, or a sentence that says what is waited for; raise when the component has failed."""
    shown = f"DAG run “{news.dag_run_id}” of {options.dag_id} on {options.cluster}"
    if news.state is not None and (news.state in options.states or (not options.wait and news.state not in _ENDED)):
        return Outcome(_output(options, cluster_id, news), message=f"{shown} is {news.state}.")
    if news.state == REMOVED:
        text = f"{shown} was deleted before it ended. Retry the component to start another one."
        raise Permanent("DagRunGone", text, answer=f"state: {news.state}")
    if news.state in _ENDED:
        text = f"{shown} ended as {news.state}. Look at its tasks' logs; a retry of the component starts another DAG run."
        raise Permanent("DagRunFailed", text, answer=f"state: {news.state}")
    if not news.registered:
        raise Permanent("ClusterUnknown", f"The cluster {options.cluster} is no longer registered. Register it, or correct cluster:.")
    if options.at_most is not None and news.now - news.since > timedelta(seconds=seconds_of(options.at_most)):
        text = f"{shown} did not end within {options.at_most}. It goes on; raise at_most:, or look why."
        if news.state is None:
            why = f" {news.reason}" if news.reason else ""
            text = f"No DAG run of {options.dag_id} was seen on {options.cluster} within {options.at_most}.{why} Look at the cluster."
        raise Permanent("WaitOver", text[:4000], answer=f"state: {news.state or 'unknown'}")
    if news.command == "refused" and news.state is None:
        # What an unreachable cluster refuses may pass later; what Airflow itself refuses does not.
        kind = Permanent if news.reach == "answered" else Retryable
        raise kind("CommandRefused", f"{options.dag_id} was not started on {options.cluster}: {news.reason}"[:4000])
    return _sentence(options, news, shown)


def _sentence(options: ComponentOptions, news: DagRunNews, shown: str) -> str:
    last = f"It was last seen as {news.state}. " if news.state else ""
    if news.observed_at is None or news.now - news.observed_at > _SILENT:
        since = "yet" if news.observed_at is None else f"since {news.observed_at:%H:%M:%S} UTC"
        return f"Nothing has been heard of {options.cluster} {since}, so the DAG run's state is unknown. {last}The wait goes on."
    if news.reach != "answered":
        why = f"{news.reach}: {news.detail[:300]}"
        return f"{options.cluster} can't be read ({why}), so the DAG run's state is unknown. {last}The wait goes on."
    if news.dag_run_id is None:
        return f"Waits for the next run of {options.dag_id} on {options.cluster}."
    if news.state is None:
        return f"{shown} has not been seen yet." if news.command is None else f"{shown} is asked for."
    return f"{shown} is {news.state}."


def _output(options: ComponentOptions, cluster_id: str, news: DagRunNews) -> dict[str, str | None]:
    return {
        "cluster": options.cluster,
        "cluster_id": cluster_id,
        "dag_id": options.dag_id,
        "dag_run_id": news.dag_run_id,
        "state": news.state,
        "started_at": news.started_at.isoformat() if news.started_at else None,
        "ended_at": news.ended_at.isoformat() if news.ended_at else None,
    }
