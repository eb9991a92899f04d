"""What a heartbeat says about a part of a cluster.

Airflow answers its health request with HTTP 200 whatever it finds (apache/airflow #22895), and its own word for a part may
be older than the part's last sign of life. So the age of the heartbeat, by the cluster's own clock, decides.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.clusters import ComponentHealth, Confidence, Health

HEARTBEAT_LIMIT_SECONDS = 30.0
"""Airflow's own default for scheduler, triggerer and DAG processor (``*_health_check_threshold``)."""

CLOCK_TOLERANCE_SECONDS = 10.0
"""A heartbeat may be this far in the future: hosts of one cluster never agree exactly."""

COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")

_LONGEST_AGE = 31_536_000.0


@dataclass(frozen=True, slots=True)
class ComponentReading:
    """One part of the health answer as it came: Airflow's word and the newest heartbeat."""

    component: str
    status: str | None
    heartbeat_at: datetime | None
    beats: bool = True
    """Whether this part has heartbeats at all; the metadata database has none."""
    absent_means: str | None = None
    """Why a part without status and heartbeat is simply not there in this cluster; None = it must be there."""


def judge(reading: ComponentReading, *, cluster_now: datetime, source: str) -> ComponentHealth:
    """Turn one part of the health answer into health with its evidence."""
    age = None if reading.heartbeat_at is None else (cluster_now - reading.heartbeat_at).total_seconds()
    health, confidence, detail = _verdict(reading, age)
    return ComponentHealth(
        component=reading.component,
        health=health,
        confidence=confidence,
        source=source,
        heartbeat_at=reading.heartbeat_at,
        heartbeat_age=None if age is None else min(max(age, 0.0), _LONGEST_AGE),
        detail=detail,
    )


def _verdict(reading: ComponentReading, age: float | None) -> tuple[Health, Confidence, str]:
    status = reading.status
    if status is None and age is None:
        if reading.absent_means is not None:
            return Health.ABSENT, Confidence.INFERRED, reading.absent_means
        return Health.UNHEALTHY, Confidence.INFERRED, "It has never reported to this cluster. Start it."
    if status is not None and status not in {"healthy", "unhealthy"}:
        return Health.UNKNOWN, Confidence.NONE, f"Airflow calls it {status[:80]!r}, which is not a word for health that Flowtower knows."
    if status == "unhealthy":
        return Health.UNHEALTHY, Confidence.MEASURED, _unhealthy(age)
    if not reading.beats:
        return (
            (Health.HEALTHY, Confidence.MEASURED, "")
            if status == "healthy"
            else (Health.UNKNOWN, Confidence.NONE, "Airflow gives no status for it.")
        )
    if age is None:
        return Health.UNKNOWN, Confidence.NONE, "Airflow calls it healthy, but gives no heartbeat to prove it."
    if age > HEARTBEAT_LIMIT_SECONDS:
        return (
            Health.UNHEALTHY,
            Confidence.MEASURED,
            f"Its last heartbeat is {age:.0f} s old (limit {HEARTBEAT_LIMIT_SECONDS:.0f} s), although Airflow calls it {status or '?'}.",
        )
    if age < -CLOCK_TOLERANCE_SECONDS:
        return (
            Health.UNKNOWN,
            Confidence.NONE,
            f"Its heartbeat lies {-age:.0f} s in the future of the web server's clock. Set the clocks of this cluster's hosts.",
        )
    return Health.HEALTHY, Confidence.MEASURED, ""


def _unhealthy(age: float | None) -> str:
    if age is None:
        return "Airflow calls it unhealthy and gives no heartbeat."
    return f"Airflow calls it unhealthy; its last heartbeat is {max(age, 0.0):.0f} s old."


def unknown(before: tuple[ComponentHealth, ...], *, why: str) -> tuple[ComponentHealth, ...]:
    """Give the components of a cluster that does not answer: unknown, with the last heartbeat that was read."""
    if not before:
        return tuple(
            ComponentHealth(component=name, health=Health.UNKNOWN, confidence=Confidence.NONE, source="none", detail=why)
            for name in COMPONENTS
        )
    return tuple(
        part.model_copy(update={"confidence": Confidence.STALE})
        if part.health is Health.ABSENT
        else ComponentHealth(
            component=part.component,
            health=Health.UNKNOWN,
            confidence=Confidence.STALE if part.heartbeat_at is not None else Confidence.NONE,
            source=part.source,
            heartbeat_at=part.heartbeat_at,
            detail=why,
        )
        for part in before
    )
