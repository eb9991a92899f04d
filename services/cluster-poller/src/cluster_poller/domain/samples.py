"""Numbers over time that every poll gives."""

from shared.contracts.clusters import ClusterObserved, ClusterRegistered, Reach
from shared.contracts.metrics import MetricSamples, Sample


def samples(cluster: ClusterRegistered, observed: ClusterObserved) -> MetricSamples:
    """Turn an observation into samples; what was not read makes no sample, never a zero."""
    labels = {"cluster_id": cluster.cluster_id, "cluster": cluster.name}
    values: list[tuple[str, float | None, dict[str, str]]] = [
        ("cluster_answers", 1.0 if observed.reach is Reach.ANSWERED else 0.0, {}),
        ("cluster_poll_requests", float(observed.requests), {}),
        ("cluster_latency_seconds", observed.latency_seconds, {}),
        ("cluster_clock_skew_seconds", observed.clock_skew_seconds, {}),
        ("cluster_queued_task_instances", observed.queued_task_instances, {}),
        ("cluster_oldest_queued_seconds", observed.oldest_queued_seconds, {}),
    ]
    values += [("cluster_heartbeat_age_seconds", part.heartbeat_age, {"component": part.component}) for part in observed.components]
    return MetricSamples(
        source=f"cluster:{cluster.cluster_id}",
        samples=tuple(
            Sample(name=name, value=value, labels=labels | more, at=observed.observed_at)
            for name, value, more in values
            if value is not None
        ),
    )
