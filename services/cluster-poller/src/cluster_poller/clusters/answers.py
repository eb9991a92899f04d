"""Reading Airflow's answers leniently: keys come and go between minor versions, but what is needed must be there."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cluster_poller.domain.health import ComponentReading
from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.clusters import ImportError_
from shared.contracts.dags import DagSeen, TaskInstanceSeen

Row = Mapping[str, Any]


def rows(body: Row, name: str, source: str) -> list[Row]:
    """Give the rows of a list answer; an answer without them is none of Airflow's."""
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ClusterTrouble("bad_answer", f"{source} answered without the list {name!r}: this is no Airflow API, or one that is broken.")
    return found


def text(row: Row, name: str, most: int = 4000) -> str:
    value = row.get(name)
    return "" if value is None else str(value)[:most]


def needed(row: Row, name: str, what: str, most: int = 250) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value or len(value) > most:
        raise ClusterTrouble("bad_answer", f"A {what} came without a usable {name!r}: this is no Airflow API, or one that is broken.")
    return value


def moment(row: Row, name: str) -> datetime | None:
    """Read a time; 2.x writes +00:00 and 3.x Z, and both may leave it null."""
    value = row.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise ClusterTrouble("bad_answer", f"{name!r} is {str(value)[:60]!r}, which is no time.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def number(row: Row, name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def seconds(row: Row, name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def words(values: Any, most: int = 50) -> tuple[str, ...]:
    return tuple(str(value)[:200] for value in values[:most]) if isinstance(values, list) else ()


def tags(row: Row) -> tuple[str, ...]:
    found = row.get("tags")
    names = [tag.get("name", "") if isinstance(tag, dict) else tag for tag in found] if isinstance(found, list) else []
    return tuple(sorted(words(names)))


def dag(row: Row, *, schedule: str, next_run: str, file: str) -> DagSeen:
    """Map a DAG; the names that differ between the dialects are given by the caller."""
    return DagSeen(
        dag_id=needed(row, "dag_id", "DAG"),
        is_paused=bool(row.get("is_paused")),
        description=text(row, "description"),
        owners=words(row.get("owners")),
        tags=tags(row),
        schedule=schedule[:500],
        next_run_at=moment(row, next_run),
        has_import_errors=bool(row.get("has_import_errors")),
        file=text(row, file, 1000),
    )


def task_instance(row: Row, *, operator: str) -> TaskInstanceSeen:
    state = row.get("state")
    return TaskInstanceSeen(
        task_id=needed(row, "task_id", "task instance"),
        map_index=number(row, "map_index"),
        state=None if state is None else str(state)[:40],
        try_number=number(row, "try_number"),
        max_tries=number(row, "max_tries"),
        operator=text(row, operator, 250),
        started_at=moment(row, "start_date"),
        ended_at=moment(row, "end_date"),
        duration_seconds=seconds(row, "duration"),
        hostname=text(row, "hostname", 250),
        pool=text(row, "pool", 250),
    )


def count_states(found: Iterable[Row]) -> dict[str, int]:
    """Count task instances by state; those that were never scheduled are ``no_status``, Airflow's own word for them."""
    return dict(Counter("no_status" if row.get("state") is None else str(row["state"])[:40] for row in found))


def import_error(row: Row) -> ImportError_:
    """The time is left out of nothing here, but note that Airflow raises it at every parse: it is no news by itself."""
    return ImportError_(filename=text(row, "filename", 1000), error=text(row, "stack_trace")[-4000:], at=moment(row, "timestamp"))


def component(body: Row, name: str, *, absent_means: str | None = None) -> ComponentReading:
    """Read one part of a health answer, e.g. ``{"scheduler": {"status": …, "latest_scheduler_heartbeat": …}}``."""
    part = body.get(name)
    if not isinstance(part, dict):
        part = {}
    status = part.get("status")
    return ComponentReading(
        component=name,
        status=None if status is None else str(status),
        heartbeat_at=moment(part, f"latest_{name}_heartbeat"),
        beats=name != "metadatabase",
        absent_means=absent_means,
    )


def check_health(body: Row, source: str) -> None:
    if not isinstance(body.get("metadatabase"), dict) or not isinstance(body.get("scheduler"), dict):
        raise ClusterTrouble(
            "wrong_url", f"{source} answered something that is not Airflow's health. Register the root of Airflow's web server."
        )
